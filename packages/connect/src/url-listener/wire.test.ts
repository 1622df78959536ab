import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readOpening } from './client-handshake.ts';
import { Refusal } from './refusal.ts';
import { decodeStartup, encodeStartup, parameterOf, utf8Of } from './wire.ts';

const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));

describe('a startup message', () => {
  it('comes out as it went in, whatever its encoding', () => {
    const name = text.filter((value) => value !== '');
    fc.assert(
      fc.property(fc.dictionary(name, text, { noNullPrototype: true }), (parameters) => {
        const pairs = Object.entries(parameters).map(
          ([key, value]) => [parameterOf(key), parameterOf(value)] as const,
        );
        const decoded = decodeStartup(encodeStartup(pairs).subarray(4));
        expect([decoded.major, decoded.minor]).toEqual([3, 0]);
        const read = [...decoded.parameters].map(([key, value]) => [utf8Of(key), utf8Of(value)]);
        expect(read).toEqual([...new Map(Object.entries(parameters))]);
      }),
    );
  });

  it('of any bytes is read or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 200 }), (bytes) => {
        try {
          expect(decodeStartup(Buffer.from(bytes)).parameters).toBeInstanceOf(Map);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the first bytes of a client', () => {
  /** Valid requests in any order, with bytes that are not, cut at any place. */
  const request = fc.oneof(
    fc.constant([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]),
    fc.constant([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]),
    fc.constant([0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 1, 2, 3, 4, 5, 6, 7, 8]),
    fc.constant([...encodeStartup([['user', 'app']])]),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => [0, 0, 0, bytes.length + 8, 0, 3, 0, 0, ...bytes]),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => [...bytes]),
  );

  it('however they are cut lead to a session, a cancel request or an end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { maxLength: 5 }),
        fc.array(fc.nat(60), { maxLength: 6 }),
        async (requests, cuts) => {
          const bytes = Buffer.from(requests.flat());
          const incoming = new PassThrough();
          const answers: Buffer[] = [];
          const client = Object.assign(incoming, {
            write: (chunk: Buffer) => {
              answers.push(Buffer.from(chunk));
              return true;
            },
          });
          let at = 0;
          for (const cut of cuts) {
            incoming.push(bytes.subarray(at, at + cut));
            at += cut;
          }
          incoming.push(bytes.subarray(at));
          incoming.push(null);
          try {
            const opening = await readOpening(client);
            if (opening?.kind === 'cancel') expect(opening.key).toHaveLength(8);
            else if (opening !== undefined) expect(opening.parameters).toBeInstanceOf(Map);
          } catch (error) {
            expect(error).toBeInstanceOf(Refusal);
          }
          expect(answers.filter((answer) => answer.equals(Buffer.from('N'))).length).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
