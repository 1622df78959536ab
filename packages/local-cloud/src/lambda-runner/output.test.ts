import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Output } from './output.ts';

const id = randomUUID();
const marker = `\u0000${id}\u0000`;

test.each([0, 1, 2, 3, 7, 20, 36, 37, 38, 39])(
  'a marker that is cut after %i bytes is still one',
  async (cut) => {
    const output = new Output();
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    output.read(stdout);
    output.read(stderr);
    const text = Buffer.from(`before${marker}after`);
    stdout.write(text.subarray(0, 6 + cut));
    await new Promise(setImmediate);
    stdout.write(text.subarray(6 + cut));
    stderr.write(marker);
    await output.complete(id, 60_000);
    expect(output.take().toString()).toBe('beforeafter');
  },
);

test('both streams have to be complete', async () => {
  const output = new Output();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  output.read(stdout);
  output.read(stderr);
  let done = false;
  const complete = output.complete(id, 60_000).then(() => (done = true));
  stdout.write(`out${marker}`);
  await new Promise(setImmediate);
  expect(done).toBe(false);
  stderr.write(`err${marker}`);
  await complete;
  expect(output.take().toString()).toBe('outerr');
});

test('zeros that the function writes itself stay in its log', async () => {
  const output = new Output();
  const stdout = new PassThrough();
  output.read(stdout);
  stdout.end(`a\u0000b\u0000c${'\u0000'.repeat(50)}\u0000not-an-id\u0000`);
  await new Promise((resolve) => stdout.once('close', resolve));
  expect(output.take().toString()).toBe(`a\u0000b\u0000c${'\u0000'.repeat(50)}\u0000not-an-id\u0000`);
});

test('a function that says nothing more does not hold its answer back', async () => {
  const output = new Output();
  await output.complete(id, 1);
});
