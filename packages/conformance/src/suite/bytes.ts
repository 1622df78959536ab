import { describe, expect, it } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';
import { digest, echoed, someBytes } from '../stream-io.ts';

/** Rows 1 and 4 of the protocol's section 15, and the parsing that its checklist asks for. */
export function bytes({ open }: ConformanceHarness): void {
  describe('bytes', () => {
    it('a lone line feed arrives as it was sent', async () => {
      const stream = (await open()).connect();
      expect(await echoed(stream, Buffer.from('\n'))).toEqual(Buffer.from('\n'));
      expect(await echoed(stream, Buffer.from('\r'))).toEqual(Buffer.from('\r'));
      stream.destroy();
    });

    it('a line whose line feed is left for a message of its own arrives as it was sent', async () => {
      const tunnel = await open();
      for (const byteLength of [1_007, 1_008, 1_009, 1_015, 1_016, 1_017, 1_018, 2_041, 4_097]) {
        const line = Buffer.alloc(byteLength, 'x');
        line[byteLength - 1] = 0x0a;
        const stream = tunnel.connect();
        for (let time = 0; time < 2; time++) expect(digest(await echoed(stream, line))).toBe(digest(line));
        stream.destroy();
      }
    });

    it('a write of any size around that of a message arrives whole', async () => {
      const stream = (await open()).connect();
      for (const byteLength of [1, 2, 7, 8, 9, 1_014, 1_023, 1_024, 1_025, 2_047, 2_048, 2_049, 32_767]) {
        const sent = someBytes(byteLength, byteLength);
        expect(digest(await echoed(stream, sent))).toBe(digest(sent));
      }
      stream.destroy();
    });

    it('many small writes arrive in their order', async () => {
      const stream = (await open()).connect();
      const sent = someBytes(40_000);
      const pieces: Buffer[] = [];
      for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 7 + 3) % 501 || 1)
        pieces.push(sent.subarray(at, at + size));
      const answer = echoed(stream, pieces.shift() ?? sent);
      for (const piece of pieces) stream.write(piece);
      const first = await answer;
      const rest = await echoed(stream, Buffer.from('end'), sent.length - first.length + 3);
      expect(digest(Buffer.concat([first, rest]))).toBe(digest(Buffer.concat([sent, Buffer.from('end')])));
      stream.destroy();
    });

    it('half a megabyte comes back byte for byte', async () => {
      const stream = (await open()).connect();
      const sent = someBytes(512 * 1024);
      expect(digest(await echoed(stream, sent))).toBe(digest(sent));
      stream.destroy();
    });
  });
}
