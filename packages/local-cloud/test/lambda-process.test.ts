import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestRunner } from './fixtures/test-runner.ts';
import { startTestRunner } from './fixtures/test-runner.ts';

let lambda: TestRunner;
beforeAll(async () => {
  lambda = await startTestRunner();
});
afterAll(() => lambda[Symbol.asyncDispose]());
const define: TestRunner['define'] = (...given) => lambda.define(...given);
const call: TestRunner['call'] = (...given) => lambda.call(...given);
const run: TestRunner['run'] = (...given) => lambda.run(...given);

/** `T` is stopped, `Z` ended but not looked at by its parent yet. */
function stateOf(pid: number): string {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
  } catch {
    return 'gone';
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // ended in this moment
  }
}

describe('the process', () => {
  test('sees its own environment and nothing of ours', async () => {
    process.env['POSTERN_SECRET_OF_THE_HOST'] = 'x';
    const record = define(
      'export const handler = async () => ({ env: process.env, args: process.argv.length });',
      {
        environment: { STAGE: 'local', AWS_ENDPOINT_URL: 'http://127.0.0.1:9' },
      },
    );
    const { value } = await call(record);
    const { env, args } = value as { env: Record<string, string>; args: number };
    delete process.env['POSTERN_SECRET_OF_THE_HOST'];
    expect(args).toBe(2);
    expect(
      Object.keys(env)
        .filter((name) => !/^(AWS_|LAMBDA_|_)/.test(name))
        .sort(),
    ).toEqual(['HOME', 'LANG', 'PATH', 'STAGE', 'TZ']);
    expect(env).toMatchObject({
      STAGE: 'local',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
      AWS_REGION: 'eu-west-2',
      AWS_DEFAULT_REGION: 'eu-west-2',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_FUNCTION_NAME: record.name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${record.name}`,
      AWS_ACCESS_KEY_ID: expect.stringMatching(/^ASIA/),
      TZ: ':UTC',
      _HANDLER: 'index.handler',
    });
  });

  test('and whoever watches over it sees nothing at all', async () => {
    process.env['POSTERN_SECRET_OF_THE_HOST'] = 'x';
    await using own = await startTestRunner();
    await own.run('export const handler = async () => 1;');
    delete process.env['POSTERN_SECRET_OF_THE_HOST'];
    const watchers = readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .filter((pid) => textOf(`/proc/${pid}/cmdline`).includes('read -r change pid'))
      .filter((pid) => textOf(`/proc/${pid}/status`).includes(`PPid:\t${process.pid}\n`));
    expect(watchers.length).toBeGreaterThan(0);
    for (const pid of watchers) expect(textOf(`/proc/${pid}/environ`)).toBe('');
  });

  test('resolves names of the VPC, whichever way it asks', async () => {
    const source = `
      import { lookup } from 'node:dns';
      import { lookup as lookupPromise } from 'node:dns/promises';
      import dns from 'node:dns';
      import net from 'node:net';
      import { once } from 'node:events';
      export const handler = async () => {
        const server = net.createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const socket = net.connect(server.address().port, 'db.vpc.internal');
        const [data] = await once(socket, 'data');
        server.close();
        return [
          await new Promise((done) => lookup('DB.vpc.internal', (error, address, family) => done([error, address, family]))),
          await new Promise((done) => dns.lookup('db.vpc.internal', { all: true }, (error, list) => done(list))),
          await lookupPromise('db.vpc.internal'),
          await dns.promises.lookup('db.vpc.internal', { all: true }),
          await lookupPromise('127.0.0.1'),
          data.toString(),
        ];
      };`;
    const entry = { address: '127.0.0.1', family: 4 };
    expect((await run(source)).value).toEqual([
      [null, '127.0.0.1', 4],
      [entry],
      entry,
      [entry],
      entry,
      'hello',
    ]);
  });

  test('is frozen between invocations, and goes on with the next', async () => {
    const record = define('export const handler = async () => process.pid;');
    const pid = (await call(record)).value as number;
    await expect.poll(() => stateOf(pid)).toBe('T');
    expect(await call(record)).toMatchObject({ failed: false, value: pid });
    await expect.poll(() => stateOf(pid)).toBe('T');
  });

  test('runs one invocation at a time, and another process the next', async () => {
    const record = define(
      'let calls = 0; export const handler = async () => { calls += 1; await new Promise((done) => setTimeout(done, 200)); return { calls, pid: process.pid }; };',
    );
    const both = await Promise.all([call(record), call(record)]);
    expect(new Set(both.map(({ value }) => (value as { pid: number }).pid)).size).toBe(2);
    const third = (await call(record)).value as { calls: number; pid: number };
    expect(third.calls).toBe(2);
    expect(both.map(({ value }) => (value as { pid: number }).pid)).toContain(third.pid);
  });

  test('has a deadline that counts down', async () => {
    const { value } = await run(
      'export const handler = async (event, context) => context.getRemainingTimeInMillis();',
      { timeoutS: 9 },
    );
    expect(value).toBeGreaterThan(5000);
    expect(value).toBeLessThanOrEqual(9000);
  });

  test('that needs too much memory is killed', async () => {
    const source =
      'export const handler = async () => { const all = []; for (;;) { all.push(Buffer.alloc(8e6, 1)); await new Promise(setImmediate); } };';
    const answer = await run(source, { memoryMb: 192 });
    expect(answer).toMatchObject({
      failed: true,
      value: {
        errorType: 'Runtime.ExitError',
        errorMessage: `RequestId: ${answer.requestId} Error: Runtime exited with error: signal: killed`,
      },
    });
  });

  test('that answers too much is told so', async () => {
    const answer = await run('export const handler = async () => "x".repeat(6_300_000);');
    expect(answer).toMatchObject({ failed: true, value: { errorType: 'Function.ResponseSizeTooLarge' } });
  });

  test('keeps its children to its own life', async () => {
    const source = `
      import { spawn } from 'node:child_process';
      export const handler = async () => {
        const child = spawn('sleep', ['600'], { stdio: 'ignore' });
        return child.pid;
      };`;
    const record = define(source);
    const pid = (await call(record)).value as number;
    expect(stateOf(pid)).not.toMatch(/gone|Z/);
    lambda.runner.retire(record.name);
    await expect.poll(() => stateOf(pid)).toMatch(/gone|Z/);
  });
});

describe('what a function started', () => {
  const spawning = (then: string): string => `
    import { spawn } from 'node:child_process';
    import { writeFileSync } from 'node:fs';
    export const handler = async ({ file }) => {
      const child = spawn('sleep', ['600'], { stdio: 'inherit' });
      writeFileSync(file, String(child.pid));
      ${then}
    };`;

  test.each([
    ['leaves', 'process.exit(3);'],
    ['crashes', 'setImmediate(() => { throw new Error("crash"); }); await new Promise(() => {});'],
  ])('ends with a function that %s, whose caller does not wait for it', async (_how, then) => {
    const folder = await mkdtemp(join(tmpdir(), 'postern-child-'));
    const file = join(folder, 'pid');
    const { value } = await run(spawning(then), {}, { file });
    expect(value).toMatchObject({ errorType: 'Runtime.ExitError' });
    const pid = Number(readFileSync(file, 'utf8'));
    await expect.poll(() => stateOf(pid)).toMatch(/gone|Z/);
    await rm(folder, { recursive: true });
  });

  test('is frozen with it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'postern-child-'));
    const file = join(folder, 'pid');
    await run(spawning(''), {}, { file });
    const pid = Number(readFileSync(file, 'utf8'));
    await expect.poll(() => stateOf(pid)).toBe('T');
    await rm(folder, { recursive: true });
  });
});

describe('a failed start', () => {
  test('is tried twice, as on AWS, and both show in the log', async () => {
    const source = 'console.log("starting"); throw new TypeError("bad start"); export const handler = 1;';
    const { log, value } = await run(source);
    expect(value).toMatchObject({ errorType: 'TypeError', errorMessage: 'bad start' });
    expect(log.match(/INFO\tstarting/g)).toHaveLength(2);
    expect(log).toMatch(
      /INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: TypeError\n/,
    );
    expect(log).toMatch(
      /INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error\tError Type: TypeError\n/,
    );
  });

  test('that exits without a word', async () => {
    const answer = await run('process.exit(7); export const handler = 1;');
    expect(answer.value).toMatchObject({
      errorMessage: `RequestId: ${answer.requestId} Error: Runtime exited with error: exit status 7`,
    });
  });

  test('that never ends runs into the function’s limit', async () => {
    // Both tries hang; the first has a time for itself (ten seconds on AWS).
    await using impatient = await startTestRunner({ initLimitMs: 500 });
    const source = 'await new Promise((done) => setTimeout(done, 1e6)); export const handler = 1;';
    const answer = await impatient.run(source, { timeoutS: 1 });
    expect(answer.value).toMatchObject({ errorType: 'Sandbox.Timedout' });
    expect(answer.log).toContain('Phase: init\tStatus: timeout');
  });
});

describe('the log', () => {
  const lines = (log: string): string[] => log.split('\n');

  test('has its lines in order, with the request in each', async () => {
    const source = `
      console.log('at init');
      export const handler = async () => {
        console.log('one', { a: 1 });
        console.warn('two\\nlines');
        console.error(new Error('three').message);
        console.debug('four');
        process.stdout.write('raw out\\n');
        process.stderr.write('raw err\\n');
      };`;
    const { log, requestId } = await run(source);
    const stamp = '\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z';
    const all = lines(log);
    expect(all[0]).toMatch(new RegExp(`^${stamp}\\t-\\tINFO\\tat init$`));
    expect(all[1]).toBe(`START RequestId: ${requestId} Version: $LATEST`);
    expect(log).toMatch(new RegExp(`\\n${stamp}\\t${requestId}\\tINFO\\tone \\{ a: 1 \\}\\n`));
    expect(log).toMatch(new RegExp(`\\t${requestId}\\tWARN\\ttwo\\rlines\\n`));
    expect(log).toMatch(new RegExp(`\\t${requestId}\\tERROR\\tthree\\n`));
    expect(log).toMatch(new RegExp(`\\t${requestId}\\tDEBUG\\tfour\\n`));
    expect(log).toContain('raw out\n');
    expect(log).toContain('raw err\n');
    expect(all.at(-3)).toBe(`END RequestId: ${requestId}`);
    expect(all.at(-2)).toMatch(
      new RegExp(
        `^REPORT RequestId: ${requestId}\\tDuration: [\\d.]+ ms\\tBilled Duration: \\d+ ms\\tMemory Size: 256 MB\\tMax Memory Used: \\d+ MB\\tInit Duration: [\\d.]+ ms\\t$`,
      ),
    );
    expect(log).not.toContain('\u0000');
  });

  test('of a failure says what failed', async () => {
    const { log } = await run('export const handler = async () => { throw new Error("why"); };');
    expect(log).toMatch(/\tERROR\tInvoke Error\t\{"errorType":"Error","errorMessage":"why","stack":\[/);
  });

  test('of a warm call has no init, and only its own lines', async () => {
    const record = define('export const handler = async (event) => { console.log(event.text); };');
    await call(record, { text: 'first' });
    const { log } = await call(record, { text: 'second' });
    expect(log).not.toContain('Init Duration');
    expect(log).not.toContain('first');
    expect(log).toContain('second');
  });

  test('of much output keeps the end', async () => {
    const { log } = await run(
      'export const handler = async () => { for (let n = 0; n < 20000; n++) console.log("line " + n); };',
    );
    expect(log.length).toBeLessThan(600_000);
    expect(log).toContain('line 19999');
  });
});
