import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { extract, sourceInside } from './extract.ts';
import { readSchema, type SchemaBlock } from './schema.ts';

const schema = readSchema();

function flags(block: SchemaBlock | undefined, name: string): string {
  const attribute = block?.attributes[name];
  if (attribute === undefined) return 'absent';
  return (['required', 'optional', 'computed'] as const).filter((flag) => attribute[flag]).join(' ');
}

/** From the documentation of hashicorp/aws 6.25, written down by hand. */
const known: Array<[type: string, attribute: string, flags: string]> = [
  ['aws_vpc', 'cidr_block', 'optional computed'],
  ['aws_vpc', 'arn', 'computed'],
  ['aws_vpc', 'enable_classiclink', 'absent'],
  ['aws_subnet', 'vpc_id', 'required'],
  ['aws_subnet', 'tags', 'optional'],
  ['aws_route_table_association', 'route_table_id', 'required'],
  ['aws_eip', 'vpc', 'absent'],
  ['aws_eip', 'domain', 'optional computed'],
  ['aws_vpc_endpoint', 'service_name', 'optional'],
  ['aws_vpc_security_group_ingress_rule', 'ip_protocol', 'required'],
  ['aws_vpc_security_group_egress_rule', 'security_group_id', 'required'],
  ['aws_rds_cluster', 'engine', 'required'],
  ['aws_rds_cluster', 'cluster_resource_id', 'computed'],
  ['aws_rds_cluster', 'master_password', 'optional'],
  ['aws_rds_cluster', 'iam_database_authentication_enabled', 'optional'],
  ['aws_rds_cluster_instance', 'ca_cert_identifier', 'optional computed'],
  ['aws_rds_cluster_instance', 'instance_class', 'required'],
  ['aws_db_instance', 'instance_class', 'required'],
  ['aws_db_instance', 'resource_id', 'computed'],
  ['aws_db_proxy', 'engine_family', 'required'],
  ['aws_lambda_function', 'function_name', 'required'],
  ['aws_lambda_function', 'source_code_hash', 'optional computed'],
  ['aws_lambda_function', 'invoke_arn', 'computed'],
  ['aws_lambda_invocation', 'input', 'required'],
  ['aws_lambda_invocation', 'result', 'computed'],
  ['aws_iam_role', 'assume_role_policy', 'required'],
  ['aws_iam_openid_connect_provider', 'url', 'required'],
  ['aws_iam_openid_connect_provider', 'thumbprint_list', 'optional computed'],
  ['aws_ssm_document', 'content', 'required'],
  ['aws_autoscaling_group', 'max_size', 'required'],
  ['aws_cloudwatch_log_group', 'retention_in_days', 'optional'],
  ['aws_scheduler_schedule', 'schedule_expression', 'required'],
];

describe('someone whose apply AWS refuses after the check said yes', () => {
  it.each(known)('can rely on %s.%s', (type, attribute, expected) => {
    expect(flags(schema.resources[type], attribute)).toBe(expected);
  });

  it('can rely on the shape of nested blocks', () => {
    const cluster = schema.resources['aws_rds_cluster'];
    expect(cluster?.blocks['serverlessv2_scaling_configuration']).toMatchObject({ nesting: 'list', max: 1 });
    expect(flags(cluster?.blocks['serverlessv2_scaling_configuration']?.block, 'max_capacity')).toBe(
      'required',
    );
    expect(cluster?.blocks['timeouts']).toMatchObject({ nesting: 'single' });
    expect(schema.resources['aws_scheduler_schedule']?.blocks['target']).toMatchObject({ min: 1, max: 1 });
    expect(schema.resources['aws_autoscaling_group']?.blocks['tag']).toMatchObject({ nesting: 'set' });
    expect(cluster?.attributes['master_user_secret']?.type).toEqual([
      'list',
      ['object', { kms_key_id: 'string', secret_arn: 'string', secret_status: 'string' }],
    ]);
  });

  it('can rely on data sources and on the block of the provider', () => {
    expect(flags(schema.data['aws_region'], 'region')).toContain('computed');
    expect(flags(schema.data['aws_caller_identity'], 'account_id')).toBe('computed');
    expect(flags(schema.configuration, 'region')).toBe('optional');
    expect(schema.configuration.blocks['default_tags']?.block.attributes['tags']?.type).toEqual([
      'map',
      'string',
    ]);
  });

  it('can rely on every attribute saying how it is set', () => {
    const silent: string[] = [];
    const visit = (path: string, block: SchemaBlock): void => {
      for (const name of Object.keys(block.attributes))
        if (flags(block, name) === '') silent.push(`${path}.${name}`);
      for (const [name, { block: inner }] of Object.entries(block.blocks)) visit(`${path}.${name}`, inner);
    };
    for (const [type, block] of Object.entries(schema.resources)) visit(type, block);
    for (const [type, block] of Object.entries(schema.data)) visit(`data.${type}`, block);
    expect(silent).toEqual([]);
  });
});

describe('who takes another type into the schema', () => {
  const source = readFileSync(new URL('fixtures/generated.txt', import.meta.url), 'utf8');

  it('gets attributes, computed objects and nested blocks out of what the generator wrote', () => {
    expect(extract(source)).toEqual({
      type: 'aws_door',
      kind: 'resource',
      block: {
        attributes: {
          arn: { type: 'string', computed: true },
          colours: { type: ['set', 'string'], optional: true },
          keys: { type: ['list', ['object', { number: 'string' }]], computed: true },
          width: { type: 'number', required: true },
        },
        blocks: {
          lock: {
            nesting: 'list',
            min: 1,
            max: 1,
            block: { attributes: { open: { type: 'bool', optional: true } }, blocks: {} },
          },
        },
      },
    });
  });

  it('hears of a property whose shape is not understood instead of losing it', () => {
    expect(() => extract(source.replace("return this.getStringAttribute('arn')", 'return this._x'))).toThrow(
      'The shape of arn is not understood',
    );
    expect(() => extract('export class Door {}\n')).toThrow('There is no resource');
  });

  it('gets the source out of compiled JavaScript, or an error', () => {
    const map = Buffer.from(JSON.stringify({ sourcesContent: ['const a = 1;'] })).toString('base64');
    expect(sourceInside(`x\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,${map}`)).toBe(
      'const a = 1;',
    );
    expect(() => sourceInside('x')).toThrow('no source map');
  });
});
