import fc from 'fast-check';
import { expect, it } from 'vitest';
import { thisProcess } from './process-identity.ts';
import { markReason, readMark } from './session-mark.ts';

it('says after the reason which process a session belongs to', () => {
  const { host, pid, start } = thisProcess();
  expect(markReason('nightly import')).toBe(`nightly import [postern ${host} ${pid} ${start}]`);
  expect(readMark(markReason('nightly import'))).toEqual({ host, pid, start });
});

it.each([
  '',
  'postern',
  'x [postern 3f9c2a710b44 4711]',
  'x [postern 3f9c2a710b44 4711 88 ]',
  '[postern 3f9c2a710b44 4711 88]',
  'x [postern 3F9C2A710B44 4711 88]',
  'x [postern 3f9c2a710b44 4711 88] y',
])('is not seen in %j, the reason of somebody else', (reason) => {
  expect(readMark(reason)).toBeUndefined();
});

it('fits StartSession and can be read again, whatever the reason', () => {
  const identity = fc.record({
    host: fc.stringMatching(/^[0-9a-f]{12}$/),
    pid: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    start: fc.bigInt({ min: 0n, max: 2n ** 63n }).map(String),
  });
  const reason = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(reason, identity, (words, process) => {
      const marked = markReason(words, process);
      expect(marked.length).toBeLessThanOrEqual(256);
      expect(() => encodeURIComponent(marked)).not.toThrow(); // which half of a character would
      expect(readMark(marked)).toEqual(process);
    }),
  );
});
