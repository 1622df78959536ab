import { ProtocolError } from '@postern/ssm-protocol';
import { expect, it } from 'vitest';
import { closedError, fromProtocolError, isTunnelError, TunnelError } from './errors.ts';

it('are recognised also when they come from a second copy of the package', () => {
  expect(isTunnelError(new TunnelError('SSM_THROTTLED', 'slow down', { hint: 'wait' }))).toBe(true);
  expect(isTunnelError(Object.assign(new Error('x'), { name: 'TunnelError', code: 'SSM_THROTTLED' }))).toBe(
    true,
  );
  expect(isTunnelError(new Error('x'))).toBe(false);
  expect(isTunnelError({ name: 'TunnelError', code: 'SSM_THROTTLED' })).toBe(false);
});

it('keep field and offset of what broke the protocol', () => {
  const error = fromProtocolError(new ProtocolError('SSM_FRAME_INVALID', 'Flags', 56, 'is odd'));
  expect(error).toMatchObject({ code: 'SSM_FRAME_INVALID', kind: 'protocol', field: 'Flags', offset: 56 });
});

it('say why a tunnel is closed, with the next step of the reason', () => {
  const lost = new TunnelError('SSM_CHANNEL_LOST', 'It was cut.', { hint: 'Plug it in.' });
  expect(closedError(lost)).toMatchObject({
    code: 'SSM_TUNNEL_CLOSED',
    message: 'The tunnel is closed. It was cut.',
    hint: 'Plug it in.',
    cause: lost,
  });
  expect(closedError(undefined).message).toBe('The tunnel is closed.');
});

it('do not show facts they do not have', () => {
  expect(Object.keys(closedError(undefined))).toEqual(['name', 'code', 'kind', 'hint']);
});
