import { expect, it } from 'vitest';
import { parseStreamUrl } from './stream-url.ts';

it.each([
  'wss://ssmmessages.eu-west-2.amazonaws.com/v1/data-channel/s-1?role=publish_subscribe&cell-number=AA+b/c=',
  'ws://127.0.0.1:4566/v1/data-channel/s-1',
  'ws://[::1]:4566/',
  'ws://localhost/',
])('connects to %s', (url) => {
  expect(parseStreamUrl(url)).toBeInstanceOf(URL);
});

it.each([
  'ws://ssmmessages.example.com/secret',
  'http://127.0.0.1/',
  'https://x/',
  'ws://127.0.0.1.evil.com/',
  'nonsense',
  'wss://example.com/#fragment',
])('keeps the token from going to %s', (url) => {
  expect(() => parseStreamUrl(url)).toThrow(expect.objectContaining({ code: 'SSM_STREAM_URL_REFUSED' }));
});

it('keeps path and query out of the error', () => {
  expect(() => parseStreamUrl('ws://example.com/secret?token=secret')).toThrow(/^((?!secret).)*$/);
});
