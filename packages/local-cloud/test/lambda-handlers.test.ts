import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SimulatedRuntime } from '../src/lambda/function-record.ts';
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
const runtimes: readonly SimulatedRuntime[] = ['nodejs24.x', 'nodejs22.x'];

describe.each(runtimes)('a handler of %s', (runtime) => {
  test.each([
    ['a value', 'export const handler = async (event) => ({ got: event });', { got: { a: 1 } }],
    ['nothing', 'export const handler = async () => {};', null],
    [
      'a value after top-level await',
      'const two = await Promise.resolve(2); export const handler = async () => two;',
      2,
    ],
    ['a value, exported as default object', 'export default { handler: async () => 3 };', 3],
  ])('returns %s', async (_name, source, value) => {
    expect(await run(source, { runtime }, { a: 1 })).toMatchObject({ failed: false, value });
  });

  test.each([
    [
      'throws an Error',
      'export const handler = async () => { throw new RangeError("too far"); };',
      { errorType: 'RangeError', errorMessage: 'too far' },
    ],
    [
      'throws a string',
      'export const handler = async () => { throw "plain"; };',
      { errorType: 'string', errorMessage: 'plain', trace: [] },
    ],
    [
      'fails to load',
      'throw new Error("at init"); export const handler = 1;',
      { errorType: 'Error', errorMessage: 'at init' },
    ],
    [
      'has a syntax error',
      'export const handler = async () => {',
      { errorType: 'Runtime.UserCodeSyntaxError' },
    ],
    [
      'is not exported',
      'export const other = 1;',
      { errorType: 'Runtime.HandlerNotFound', errorMessage: 'index.handler is undefined or not exported' },
    ],
    [
      'is no function',
      'export const handler = 1;',
      { errorType: 'Runtime.HandlerNotFound', errorMessage: 'index.handler is not a function' },
    ],
    [
      'imports a missing package',
      'import "not-there"; export const handler = 1;',
      {
        errorType: 'Error',
        errorMessage: expect.stringMatching(/^Cannot find package 'not-there' imported from/),
      },
    ],
  ])('%s', async (_name, source, value) => {
    const answer = await run(source, { runtime });
    expect(answer).toMatchObject({ failed: true, value });
    expect(answer.value).toMatchObject({ trace: expect.any(Array) });
  });

  test.each([
    [
      'requires a missing package',
      { 'lib.cjs': 'require("not-there"); exports.handler = 1;' },
      'lib.handler',
      'Runtime.ImportModuleError',
    ],
    ['is in a missing file', {}, 'other.handler', 'Runtime.ImportModuleError'],
    ['has a name without a dot', {}, 'handler', 'Runtime.MalformedHandlerName'],
    ['climbs out of the task root', {}, '../../index.handler', 'Runtime.MalformedHandlerName'],
  ])('%s', async (_name, files, handler, errorType) => {
    expect(await run('', { runtime, files, handler })).toMatchObject({ failed: true, value: { errorType } });
  });

  test.each([
    [
      'a CommonJS file in a folder',
      'src/app.handler',
      { 'src/app.js': 'exports.handler = async () => "cjs";' },
      'cjs',
    ],
    [
      'a nested export',
      'index.api.get',
      { 'index.mjs': 'export const api = { get: async () => "nested" };' },
      'nested',
    ],
    [
      'ES modules by package.json',
      'esm.handler',
      { 'package.json': '{"type":"module"}', 'esm.js': 'export const handler = async () => "esm";' },
      'esm',
    ],
  ])('may be %s', async (_name, handler, files, value) => {
    expect(await run('', { runtime, handler, files })).toMatchObject({ failed: false, value });
  });

  test('that exits', async () => {
    const answer = await run('export const handler = async () => process.exit(3);', { runtime });
    expect(answer).toMatchObject({
      failed: true,
      value: {
        errorType: 'Runtime.ExitError',
        errorMessage: `RequestId: ${answer.requestId} Error: Runtime exited with error: exit status 3`,
      },
    });
    expect(answer.log).toMatch(/\tStatus: error\tError Type: Runtime.ExitError\t\n$/);
  });

  test('that takes too long is killed, and the next call starts anew', async () => {
    const source =
      'let calls = 0; export const handler = (event) => event.ms ? new Promise((done) => setTimeout(done, event.ms)) : Promise.resolve(++calls);';
    const record = define(source, { runtime, timeoutS: 1 });
    expect(await call(record)).toMatchObject({ value: 1 });
    expect(await call(record)).toMatchObject({ value: 2 });
    const late = await call(record, { ms: 60_000 });
    expect(late).toMatchObject({
      failed: true,
      value: {
        errorType: 'Sandbox.Timedout',
        errorMessage: `RequestId: ${late.requestId} Error: Task timed out after 1.00 seconds`,
      },
    });
    expect(late.log).toMatch(/\tStatus: timeout\t\n$/);
    expect(await call(record)).toMatchObject({ value: 1 });
  });
});

describe('where the runtimes differ', () => {
  const cases: ReadonlyArray<
    readonly [string, string, { failed: boolean; value: unknown }, { failed: boolean; value: unknown }]
  > = [
    [
      'not async',
      'export const handler = () => 5;',
      { failed: false, value: 5 },
      { failed: false, value: null },
    ],
    [
      'with a callback',
      'export const handler = (event, context, callback) => { setTimeout(callback, 10, null, "called"); };',
      { failed: true, value: expect.objectContaining({ errorType: 'Runtime.CallbackHandlerDeprecated' }) },
      { failed: false, value: 'called' },
    ],
    [
      'a callback that does not wait for the loop',
      'export const handler = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); callback(null, 1); };',
      { failed: true, value: expect.objectContaining({ errorType: 'Runtime.CallbackHandlerDeprecated' }) },
      { failed: false, value: 1 },
    ],
    [
      'a result that is no JSON',
      'export const handler = async () => 1n;',
      {
        failed: true,
        value: expect.objectContaining({
          errorType: 'Runtime.JSONStringifyError',
          errorMessage: 'Unable to stringify response body',
        }),
      },
      {
        failed: true,
        value: expect.objectContaining({
          errorType: 'Error',
          errorMessage: 'Unable to stringify response body',
        }),
      },
    ],
    [
      'an unhandled rejection',
      'export const handler = async () => { Promise.reject(new Error("lost")); await new Promise((done) => setTimeout(done, 2000)); };',
      {
        failed: true,
        value: expect.objectContaining({
          errorType: 'Runtime.ExitError',
          errorMessage: expect.stringMatching(/exit status 1$/),
        }),
      },
      { failed: true, value: expect.objectContaining({ errorType: 'Runtime.UnhandledPromiseRejection' }) },
    ],
    [
      'an uncaught exception',
      'export const handler = async () => { setTimeout(() => { throw new Error("thrown"); }); await new Promise((done) => setTimeout(done, 2000)); };',
      {
        failed: true,
        value: expect.objectContaining({
          errorType: 'Runtime.ExitError',
          errorMessage: expect.stringMatching(/exit status 1$/),
        }),
      },
      { failed: true, value: expect.objectContaining({ errorType: 'Error', errorMessage: 'thrown' }) },
    ],
    [
      'a promise that never settles',
      'export const handler = () => new Promise(() => {});',
      {
        failed: true,
        value: expect.objectContaining({
          errorMessage: expect.stringMatching(/Error: Runtime exited without providing a reason$/),
        }),
      },
      { failed: false, value: null },
    ],
    [
      'what the context holds',
      'export const handler = async (event, context) => [typeof context.done, "tenantId" in context, typeof context.memoryLimitInMB];',
      { failed: false, value: ['undefined', true, 'string'] },
      { failed: false, value: ['function', false, 'string'] },
    ],
  ];
  test.each(cases)('%s', async (_name, source, on24, on22) => {
    expect(await run(source, { runtime: 'nodejs24.x' })).toMatchObject(on24);
    expect(await run(source, { runtime: 'nodejs22.x' })).toMatchObject(on22);
  });
});
