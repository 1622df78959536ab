import { expect, test } from 'vitest';
import { isPosternVitestError, PosternVitestError } from './errors.ts';
import { presentable } from './presentable-error.ts';

test('an explained error shows its message and the next step, and no stack', () => {
  const cause = Object.assign(new Error('There is no environment "stagin".'), {
    name: 'ConnectError',
    code: 'CONNECT_ENVIRONMENT_UNKNOWN',
    kind: 'invalid',
    hint: 'Use one of: local, staging.',
  });
  const shown = presentable(cause);
  expect(shown).toMatchObject({
    code: 'VITEST_SETUP_FAILED',
    kind: 'invalid',
    causeCode: 'CONNECT_ENVIRONMENT_UNKNOWN',
    message: 'There is no environment "stagin".\n\nUse one of: local, staging.\n',
    stack: 'ConnectError: There is no environment "stagin".\n\nUse one of: local, staging.\n',
  });
  // vitest prints every enumerable property below the message: the hint would be there twice.
  expect(Object.keys(shown as object)).toEqual([]);
});

test('an error of our own keeps its code', () => {
  const own = new PosternVitestError('VITEST_DATABASE_MISSING', {
    kind: 'not-found',
    message: 'None.',
    hint: 'Write it.',
  });
  const shown = presentable(own);
  expect(isPosternVitestError(shown)).toBe(true);
  expect(shown).toMatchObject({ code: 'VITEST_DATABASE_MISSING', message: 'None.\n\nWrite it.\n' });
});

test('an error that nobody explains keeps its stack', () => {
  const bug = new TypeError('x is not a function');
  expect(presentable(bug)).toBe(bug);
  expect(presentable('thrown text')).toBe('thrown text');
});
