import { createInterface } from 'node:readline';
import { CallHandler } from './calls.ts';

// The program of a simulator in a process of its own: calls come as lines on standard input, answers go out as lines on
// standard output. It ends with its input, so it never outlives whoever started it.
const handler = new CallHandler();
process.stdout.on('error', () => {}); // nobody listens any more: the input ends as well
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== '') process.stdout.write(`${JSON.stringify(await handler.answer(line))}\n`);
}
await handler.close();
