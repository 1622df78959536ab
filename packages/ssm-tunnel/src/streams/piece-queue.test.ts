import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PieceQueue } from './piece-queue.ts';

it('gives every piece back once and in order, however it is filled and emptied', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3_000, max: 3_000 }), { maxLength: 20 }), (moves) => {
      const queue = new PieceQueue();
      let [given, taken] = [0, 0];
      for (const move of moves) {
        for (let at = 0; at < move; at++) queue.push(Uint32Array.of(given++) as unknown as Uint8Array);
        for (let at = 0; at > move; at--) {
          const piece = queue.shift();
          if (piece === undefined) expect(taken).toBe(given);
          else expect(piece[0]).toBe(taken++);
        }
        expect(queue.isEmpty).toBe(taken === given);
      }
    }),
  );
});

it('is empty once it was cleared', () => {
  const queue = new PieceQueue();
  queue.push(Uint8Array.of(1));
  queue.clear();
  expect([queue.isEmpty, queue.shift()]).toEqual([true, undefined]);
});
