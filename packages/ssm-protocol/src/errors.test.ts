import { expect, it } from 'vitest';
import { isProtocolError, ProtocolError } from './errors.ts';

it('recognises its own errors, those of a second copy, and no others', () => {
  const own = new ProtocolError('SSM_FRAME_INVALID', 'Flags', 56, 'is odd', new Error('inner'));
  expect(isProtocolError(own)).toBe(true);
  expect(own.message).toBe('Flags at byte 56: is odd');
  expect(own.cause).toBeInstanceOf(Error);
  expect(
    isProtocolError(Object.assign(new Error('x'), { name: 'ProtocolError', code: 'SSM_DIGEST_MISMATCH' })),
  ).toBe(true);
  expect(isProtocolError(Object.assign(new Error('x'), { name: 'ProtocolError', code: 'OTHER' }))).toBe(
    false,
  );
  expect(isProtocolError(new Error('x'))).toBe(false);
  expect(isProtocolError({ name: 'ProtocolError', code: 'SSM_FRAME_INVALID' })).toBe(false);
});
