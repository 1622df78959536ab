import type { HclFile } from '../hcl/file.ts';
import type { Body, Expression } from '../hcl/syntax.ts';
import type { Findings } from './finding.ts';

/**
 * Arguments that exclude each other and sets of which one is needed, for types that infra/ uses: the provider checks them and the
 * schema does not carry them. From the provider's documentation of 6.25.
 */
const groups: Record<string, ReadonlyArray<{ names: readonly string[]; needed?: true }>> = {
  aws_autoscaling_group: [{ names: ['name', 'name_prefix'] }],
  aws_cloudwatch_log_group: [{ names: ['name', 'name_prefix'] }],
  aws_db_instance: [
    { names: ['manage_master_user_password', 'password'] },
    { names: ['identifier', 'identifier_prefix'] },
  ],
  aws_db_parameter_group: [{ names: ['name', 'name_prefix'] }],
  aws_db_subnet_group: [{ names: ['name', 'name_prefix'] }],
  aws_iam_policy: [{ names: ['name', 'name_prefix'] }],
  aws_iam_role: [{ names: ['name', 'name_prefix'] }],
  aws_iam_role_policy: [{ names: ['name', 'name_prefix'] }],
  aws_lambda_function: [{ names: ['filename', 'image_uri', 's3_bucket'], needed: true }],
  aws_launch_template: [{ names: ['name', 'name_prefix'] }],
  aws_rds_cluster: [
    { names: ['manage_master_user_password', 'master_password'] },
    { names: ['cluster_identifier', 'cluster_identifier_prefix'] },
  ],
  aws_rds_cluster_parameter_group: [{ names: ['name', 'name_prefix'] }],
  aws_route: [
    {
      names: ['destination_cidr_block', 'destination_ipv6_cidr_block', 'destination_prefix_list_id'],
      needed: true,
    },
  ],
  aws_route_table_association: [{ names: ['subnet_id', 'gateway_id'], needed: true }],
  aws_security_group: [{ names: ['name', 'name_prefix'] }],
  aws_vpc_security_group_egress_rule: [
    { names: ['cidr_ipv4', 'cidr_ipv6', 'prefix_list_id', 'referenced_security_group_id'], needed: true },
  ],
  aws_vpc_security_group_ingress_rule: [
    { names: ['cidr_ipv4', 'cidr_ipv6', 'prefix_list_id', 'referenced_security_group_id'], needed: true },
  ],
};

export function checkExclusive(
  findings: Findings,
  file: HclFile,
  type: string,
  body: Body,
  start: number,
): void {
  for (const { names, needed } of groups[type] ?? []) {
    const given = names.flatMap((name) => body.attributes.get(name) ?? []);
    if (needed === true && given.length === 0) {
      findings.add('one-needed', file, start, `${type} needs one of ${names.join(', ')}`);
    }
    const [first, second] = given.filter(({ value }) => !mayBeNull(value));
    if (first !== undefined && second !== undefined) {
      findings.add(
        'exclusive',
        file,
        second.at,
        `${type}: ${first.name} and ${second.name} exclude each other`,
      );
    }
  }
}

/** null leaves an argument out, so only what is surely a value counts: texts, literals and attributes of resources. */
function mayBeNull(expression: Expression): boolean {
  if (expression.kind === 'literal') return expression.value === null;
  if (expression.kind === 'template') return false;
  const resource =
    expression.kind === 'traversal' && expression.on.kind === 'name' && expression.on.name.startsWith('aws_');
  return !resource;
}
