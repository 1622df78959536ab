import { expect, test } from 'vitest';
import { isPosternVitestError, PosternVitestError } from './errors.ts';

test('errors of a second copy of this package are recognised, others are not', () => {
  const details = { kind: 'invalid', message: 'm', hint: 'h' } as const;
  const foreignCopy = Object.assign(new Error('m'), {
    name: 'PosternVitestError',
    code: 'VITEST_ROLE_UNKNOWN',
  });
  expect(isPosternVitestError(new PosternVitestError('VITEST_ROLE_UNKNOWN', details))).toBe(true);
  expect(isPosternVitestError(foreignCopy)).toBe(true);
  expect(isPosternVitestError(new Error('m'))).toBe(false);
  expect(isPosternVitestError({ name: 'PosternVitestError', code: 'VITEST_ROLE_UNKNOWN' })).toBe(false);
});
