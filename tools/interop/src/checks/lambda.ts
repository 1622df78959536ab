import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { type Bench, type Check, expectEqual, expectMatch } from '../check.ts';

const area = 'Lambda';
const functionName = 'interop-function';
const named = ['--function-name', functionName];

interface Configuration {
  FunctionName: string;
  State: string;
  LastUpdateStatus: string;
  Timeout: number;
  CodeSha256: string;
  Environment?: { Variables: Record<string, string> };
}

interface Invocation {
  StatusCode: number;
  FunctionError?: string;
  LogResult?: string;
  ExecutedVersion: string;
}

/** In order: the first creates the function that the others use. */
export const lambdaChecks: readonly Check[] = [
  {
    area,
    name: 'CreateFunction makes a function that becomes active',
    async run(bench) {
      const created = await bench.aws.answer<Configuration>(bench.admin, await create(bench));
      expectEqual(created.FunctionName, functionName, 'FunctionName');
      await bench.aws.answer(bench.admin, ['lambda', 'wait', 'function-active-v2', ...named]);
    },
  },
  {
    area,
    name: 'CreateFunction of an existing name is a conflict',
    run: async (bench) =>
      void (await bench.aws.refusal(bench.admin, await create(bench), 'ResourceConflictException')),
  },
  {
    area,
    name: 'GetFunction and GetFunctionConfiguration agree',
    async run({ aws, admin }) {
      const { Configuration } = await aws.answer<{ Configuration: Configuration }>(admin, [
        'lambda',
        'get-function',
        ...named,
      ]);
      const configuration = await aws.answer<Configuration>(admin, [
        'lambda',
        'get-function-configuration',
        ...named,
      ]);
      expectEqual(configuration.State, 'Active', 'State');
      expectEqual(configuration.CodeSha256, Configuration.CodeSha256, 'CodeSha256');
    },
  },
  {
    area,
    name: 'Invoke runs the zip and returns the tail of its log',
    async run(bench) {
      const { invocation, payload } = await invoke(bench, { ask: 'answer' });
      expectEqual(invocation.StatusCode, 200, 'StatusCode');
      expectEqual(invocation.ExecutedVersion, '$LATEST', 'ExecutedVersion');
      expectEqual(payload, { version: 1, event: { ask: 'answer' }, greeting: null }, 'the payload');
      const log = Buffer.from(invocation.LogResult ?? '', 'base64').toString();
      expectMatch(log, /^START RequestId: .+\n/, 'the log');
      expectMatch(log, /a line of the function/, 'the log');
      expectMatch(log, /REPORT RequestId: .+Duration: /, 'the log');
    },
  },
  {
    area,
    name: 'a handler that throws is a FunctionError, not a failed call',
    async run(bench) {
      const { invocation, payload } = await invoke(bench, { ask: 'throw' });
      expectEqual(invocation.StatusCode, 200, 'StatusCode');
      expectEqual(invocation.FunctionError, 'Unhandled', 'FunctionError');
      const { errorType, errorMessage } = payload as { errorType: string; errorMessage: string };
      expectEqual([errorType, errorMessage], ['TypeError', 'as asked'], 'the error');
    },
  },
  {
    area,
    name: 'UpdateFunctionConfiguration reaches the function',
    async run(bench) {
      const updated = await bench.aws.answer<Configuration>(bench.admin, [
        'lambda',
        'update-function-configuration',
        ...named,
        '--timeout',
        '7',
        '--environment',
        'Variables={GREETING=hello}',
      ]);
      expectEqual(updated.Timeout, 7, 'Timeout');
      await bench.aws.answer(bench.admin, ['lambda', 'wait', 'function-updated-v2', ...named]);
      const { payload } = await invoke(bench, {});
      expectEqual((payload as { greeting: unknown }).greeting, 'hello', 'the variable in the function');
    },
  },
  {
    area,
    name: 'UpdateFunctionCode runs the new code',
    async run(bench) {
      const zip = await writeZip(bench, 2);
      await bench.aws.answer(bench.admin, ['lambda', 'update-function-code', ...named, '--zip-file', zip]);
      await bench.aws.answer(bench.admin, ['lambda', 'wait', 'function-updated-v2', ...named]);
      const { payload } = await invoke(bench, {});
      expectEqual((payload as { version: unknown }).version, 2, 'the version that answers');
    },
  },
  {
    area,
    name: 'a function that does not exist is not found',
    run: async ({ aws, admin }) =>
      void (await aws.refusal(
        admin,
        ['lambda', 'get-function', '--function-name', 'nobody'],
        'ResourceNotFoundException',
      )),
  },
  {
    area,
    name: 'Invoke without permission is denied',
    run: async ({ aws, nobody, folder }) =>
      void (await aws.refusal(
        nobody,
        ['lambda', 'invoke', ...named, join(folder, 'denied.json')],
        'AccessDeniedException',
      )),
  },
  {
    area,
    name: 'expired credentials are refused',
    run: async ({ aws, expired }) =>
      void (await aws.refusal(expired, ['lambda', 'get-function', ...named], 'ExpiredTokenException')),
  },
  {
    area,
    name: 'a wrong secret key is refused',
    run: async ({ aws, forger }) =>
      void (await aws.refusal(forger, ['lambda', 'get-function', ...named], 'InvalidSignatureException')),
  },
];

async function create(bench: Bench): Promise<string[]> {
  return [
    'lambda',
    'create-function',
    ...named,
    '--runtime',
    'nodejs24.x',
    '--role',
    `arn:aws:iam::${bench.cloud.accountId}:role/interop-role`,
    '--handler',
    'index.handler',
    '--zip-file',
    await writeZip(bench, 1),
  ];
}

async function writeZip({ folder }: Bench, version: number): Promise<string> {
  const file = join(folder, `function-${version}.zip`);
  const source = `export const handler = async (event) => {
    console.log('a line of the function');
    if (event.ask === 'throw') throw new TypeError('as asked');
    return { version: ${version}, event, greeting: process.env.GREETING ?? null };
  };`;
  await writeFile(file, zipSync({ 'index.mjs': strToU8(source) }));
  return `fileb://${file}`;
}

async function invoke(
  { aws, admin, folder }: Bench,
  event: unknown,
): Promise<{ invocation: Invocation; payload: unknown }> {
  const answerFile = join(folder, 'answer.json');
  const eventFile = join(folder, 'event.json');
  await writeFile(eventFile, JSON.stringify(event));
  // fileb:// means raw bytes in version 1 and 2 of the CLI.
  const invocation = await aws.answer<Invocation>(admin, [
    'lambda',
    'invoke',
    ...named,
    '--payload',
    `fileb://${eventFile}`,
    '--log-type',
    'Tail',
    answerFile,
  ]);
  return { invocation, payload: JSON.parse(await readFile(answerFile, 'utf8')) };
}
