import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readExactly } from './read-exactly.ts';
import { decodeStartup, encodeStartup } from './wire.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => !value.includes('\0'));

test('a startup message survives the front, whatever its parameters', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name }), (parameters) => {
      const packet = encodeStartup(parameters);
      expect(packet.readUInt32BE(0)).toBe(packet.length);
      const decoded = decodeStartup(packet.subarray(4));
      expect([decoded.major, decoded.minor]).toEqual([3, 0]);
      expect([...decoded.parameters]).toEqual(parameters);
    }),
  );
});

test('a damaged startup message is refused and never breaks the front', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 60 }), (bytes) => {
      try {
        decodeStartup(Buffer.from(bytes));
      } catch (error) {
        expect(error).toMatchObject({ name: 'Refusal', sqlstate: '08P01' });
      }
    }),
  );
});

test('exact reads take what they need and leave the rest, however the bytes arrive', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { maxLength: 12 }),
      fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 8 }),
      async (chunks, lengths) => {
        const stream = new PassThrough();
        const all = Buffer.concat(chunks);
        const writing = (async () => {
          for (const chunk of chunks) {
            stream.write(chunk);
            await new Promise(setImmediate);
          }
          stream.end();
        })();
        let at = 0;
        for (const length of lengths) {
          const expected = at + length <= all.length ? all.subarray(at, at + length) : undefined;
          expect(await readExactly(stream, length)).toEqual(expected);
          if (!expected) return await writing;
          at += length;
        }
        const rest: Buffer[] = [];
        for await (const chunk of stream) rest.push(chunk);
        expect(Buffer.concat(rest)).toEqual(all.subarray(at));
      },
    ),
  );
});
