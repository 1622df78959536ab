import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { ExtData, encode } from '@msgpack/msgpack';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProviderSchema, readSchema } from '../schema/schema.ts';
import { ProviderClient } from './answers.ts';
import { type StandIn, startStandIn } from './stand-in.ts';
import { decodeValue, encodeValue, UNKNOWN, type Value, type WireValue } from './values.ts';

const schema: ProviderSchema = {
  provider: '0.0.0',
  source: 'this test',
  configuration: {
    attributes: { region: { type: 'string', optional: true }, account: { type: 'string', computed: true } },
    blocks: {},
  },
  resources: {
    aws_door: {
      attributes: {
        arn: { type: 'string', computed: true },
        id: { type: 'string', optional: true, computed: true },
        width: { type: 'number', required: true },
        colours: { type: ['map', ['list', 'string']], optional: true },
      },
      blocks: {
        lock: {
          nesting: 'list',
          min: 1,
          block: {
            attributes: {
              key: { type: 'string', optional: true },
              serial: { type: 'number', computed: true },
            },
            blocks: {},
          },
        },
        hinge: {
          nesting: 'set',
          max: 1,
          block: { attributes: { serial: { type: 'number', computed: true } }, blocks: {} },
        },
        timeouts: {
          nesting: 'single',
          block: { attributes: { create: { type: 'string', optional: true } }, blocks: {} },
        },
      },
    },
  },
  data: {
    aws_region: {
      attributes: {
        region: { type: 'string', optional: true, computed: true },
        floors: {
          type: ['list', ['object', { name: 'string', height: 'number', open: 'bool' }]],
          computed: true,
        },
        plan: { type: ['object', { name: 'string', height: 'number', open: 'bool' }], computed: true },
        tags: { type: ['map', 'string'], computed: true },
        arn: { type: 'string', computed: true },
      },
      blocks: {},
    },
  },
};

const nothing = { arn: null, id: null, width: null, colours: null, lock: [], hinge: [], timeouts: null };

let standIn: StandIn;
let client: InstanceType<typeof ProviderClient>;

beforeAll(async () => {
  standIn = await startStandIn(schema);
  client = new ProviderClient(standIn.address, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await standIn.close();
});

interface Answer {
  readonly diagnostics: readonly {
    severity: string;
    summary: string;
    detail: string;
    attribute: { steps: readonly object[] } | null;
  }[];
  readonly planned_state: WireValue;
  readonly new_state: WireValue;
  readonly upgraded_state: WireValue;
}

function ask<Result = Answer>(method: string, question: object = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    (client[method] as (question: object, done: (error: Error | null, answer: Result) => void) => void).call(
      client,
      question,
      (error, answer) => (error === null ? resolve(answer) : reject(error)),
    );
  });
}

async function refused(config: Value): Promise<string[]> {
  const { diagnostics } = await ask('ValidateResourceConfig', {
    type_name: 'aws_door',
    config: encodeValue(config),
  });
  return diagnostics.map(
    ({ severity, detail, attribute }) => `${severity} ${JSON.stringify(attribute?.steps)} ${detail}`,
  );
}

async function planned(prior: Value, proposed: Value): Promise<Value> {
  const { planned_state } = await ask('PlanResourceChange', {
    type_name: 'aws_door',
    prior_state: encodeValue(prior),
    new_state: encodeValue(proposed),
  });
  // A view of Node's own kind would differ in its class.
  return decodeValue({ msgpack: new Uint8Array(planned_state.msgpack) });
}

test('Terraform gets every type with its attributes, blocks and bounds', async () => {
  const answer = await ask<Record<string, Record<string, { block: unknown }>>>('GetProviderSchema');
  expect(Object.keys(answer['resource_schemas'] ?? {})).toEqual(['aws_door']);
  expect(Object.keys(answer['data_source_schemas'] ?? {})).toEqual(['aws_region']);
  const block = answer['resource_schemas']?.['aws_door']?.block as {
    attributes: { name: string; type: Buffer }[];
    block_types: object[];
  };
  expect(block.attributes.map(({ type, ...rest }) => ({ ...rest, type: type.toString() }))).toEqual([
    { name: 'arn', type: '"string"', required: false, optional: false, computed: true },
    { name: 'id', type: '"string"', required: false, optional: true, computed: true },
    { name: 'width', type: '"number"', required: true, optional: false, computed: false },
    { name: 'colours', type: '["map",["list","string"]]', required: false, optional: true, computed: false },
  ]);
  expect(block.block_types).toMatchObject([
    { type_name: 'lock', nesting: 'LIST', min_items: 1, max_items: 0 },
    { type_name: 'hinge', nesting: 'SET', min_items: 0, max_items: 1 },
    { type_name: 'timeouts', nesting: 'SINGLE', min_items: 0, max_items: 0 },
  ]);
});

test('what only the service decides cannot be set, not even to something unknown', async () => {
  expect(await refused({ ...nothing, width: 1, arn: 'mine' })).toEqual([
    'ERROR [{"attribute_name":"arn"}] Can\'t configure a value for "arn": it is decided by the provider. Remove the argument.',
  ]);
  expect(await refused({ ...nothing, width: 1, arn: UNKNOWN })).toHaveLength(1);
});

test('a refusal inside a block says where: by number in a list, by the name of the block in a set', async () => {
  const lock = { key: null, serial: null };
  const config = { ...nothing, lock: [lock, { ...lock, serial: 7 }], hinge: [{ serial: 1 }] };
  expect(await refused(config)).toMatchObject([
    expect.stringContaining('[{"attribute_name":"lock"},{"element_key_int":1},{"attribute_name":"serial"}]'),
    expect.stringContaining('[{"attribute_name":"hinge"},{"attribute_name":"serial"}]'),
  ]);
});

test('what is given, left out or not known yet is fine', async () => {
  expect(await refused({ ...nothing, width: UNKNOWN, id: 'mine', lock: UNKNOWN })).toEqual([]);
  expect(await refused({ ...nothing, width: 1, timeouts: { create: '5m' } })).toEqual([]);
});

test('a configuration in JSON is read as well', async () => {
  const { diagnostics } = await ask('ValidateResourceConfig', {
    type_name: 'aws_door',
    config: { json: Buffer.from(JSON.stringify({ ...nothing, arn: 'mine' })) },
  });
  expect(diagnostics).toHaveLength(1);
});

test('a plan for something new has the configuration as it is, and the rest unknown', async () => {
  const prefix = new ExtData(12, encode({ 2: 'arn:' }));
  const plan = await planned(null, {
    ...nothing,
    // Terraform writes what no double can hold as text.
    width: '0.1',
    colours: { '': ['red'] },
    id: prefix,
    lock: [{ key: 'k', serial: null }],
    hinge: UNKNOWN,
    timeouts: { create: null },
  });
  expect(plan).toEqual({
    arn: UNKNOWN,
    id: prefix,
    width: '0.1',
    colours: { '': ['red'] },
    lock: [{ key: 'k', serial: UNKNOWN }],
    hinge: UNKNOWN,
    timeouts: { create: null },
  });
});

test('what exists keeps what was decided for it, and can be planned away', async () => {
  const state = { ...nothing, arn: 'arn:door', id: 'door', width: 1 };
  expect(await planned(state, { ...state, width: 2 })).toEqual({ ...state, width: 2 });
  expect(await planned(state, null)).toBeNull();
});

test('a state is read back as it is', async () => {
  const state = { ...nothing, arn: 'arn:door', width: 0.5 };
  const upgraded = await ask('UpgradeResourceState', {
    type_name: 'aws_door',
    raw_state: { json: Buffer.from(JSON.stringify(state)) },
  });
  expect(decodeValue(upgraded.upgraded_state)).toEqual(state);
  const read = await ask('ReadResource', { type_name: 'aws_door', current_state: encodeValue(state) });
  expect(decodeValue(read.new_state)).toEqual(state);
});

test('nothing is made: applying ends in an error that says what to do', async () => {
  const { diagnostics } = await ask('ApplyResourceChange', { type_name: 'aws_door' });
  expect(diagnostics).toMatchObject([
    {
      severity: 'ERROR',
      summary: 'The stand-in makes nothing',
      detail: expect.stringContaining('mock_provider'),
    },
  ]);
});

test('a data source answers with what the configuration asks for, and something of the right type', async () => {
  const read = async (region: string | null): Promise<Value> => {
    const config = { region, floors: null, plan: null, tags: null, arn: null };
    const { new_state } = await ask('ReadDataSource', {
      type_name: 'aws_region',
      config: encodeValue(config),
    });
    return decodeValue(new_state);
  };
  expect(await read(null)).toEqual({
    region: 'eu-west-2',
    floors: [],
    plan: { name: 'stand-in-name', height: 0, open: false },
    tags: {},
    arn: 'stand-in-arn',
  });
  expect(await read('eu-central-1')).toMatchObject({ region: 'eu-central-1' });
});

test('a type that the schema lacks is an error with its name', async () => {
  await expect(ask('ValidateResourceConfig', { type_name: 'aws_window' })).rejects.toThrow(/no aws_window/);
  await expect(ask('ValidateDataResourceConfig', { type_name: 'aws_window' })).rejects.toThrow(
    /no aws_window/,
  );
});

test("the provider's own block is checked, too", async () => {
  const check = (region: string, account: string | null): Promise<Answer> =>
    ask('ValidateProviderConfig', { config: encodeValue({ region, account }) });
  expect((await check('eu-west-2', null)).diagnostics).toEqual([]);
  expect((await check('eu-west-2', 'mine')).diagnostics).toHaveLength(1);
});

test('the socket is in a private folder that goes with the stand-in', async () => {
  const other = await startStandIn(schema);
  const attachments = JSON.parse(other.reattach) as Record<string, { Addr: { String: string } }>;
  const attachment = attachments['hashicorp/aws'];
  expect(attachment).toEqual({
    Protocol: 'grpc',
    ProtocolVersion: 6,
    Pid: process.pid,
    Test: true,
    Addr: { Network: 'unix', String: other.address.slice('unix:'.length) },
  });
  const folder = dirname(attachment?.Addr.String ?? '');
  expect(statSync(folder).mode & 0o077).toBe(0);
  await Promise.all([other.close(), other.close()]);
  expect(existsSync(folder)).toBe(false);
});

test('the schema of this repository can be served', async () => {
  const real = readSchema();
  await using other = await startStandIn(real);
  const another = new ProviderClient(other.address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  });
  try {
    const answer = await new Promise<{ resource_schemas: object; data_source_schemas: object }>(
      (resolve, reject) => {
        another['GetProviderSchema']?.({}, (error: Error | null, schemas: never) =>
          error === null ? resolve(schemas) : reject(error),
        );
      },
    );
    expect(Object.keys(answer.resource_schemas).sort()).toEqual(Object.keys(real.resources).sort());
    expect(Object.keys(answer.data_source_schemas).sort()).toEqual(Object.keys(real.data).sort());
  } finally {
    another.close();
  }
});
