import type { Profiler } from 'node:inspector/promises';
import { expect, test } from 'vitest';
import { summariseProfile } from './cpu-profile.ts';

function profileOf(calls: readonly [functionName: string, url: string, micros: number][]): Profiler.Profile {
  return {
    nodes: calls.map(([functionName, url], index) => ({
      id: index,
      callFrame: { functionName, url, scriptId: '0', lineNumber: 9, columnNumber: 0 },
    })),
    startTime: 0,
    endTime: 0,
    samples: calls.map((_, index) => index),
    timeDeltas: calls.map(([, , micros]) => micros),
  };
}

test('the time goes to functions and purposes; idle time and that of the profiler to nobody', () => {
  const { busySeconds, functions, groups } = summariseProfile(
    profileOf([
      ['(idle)', '', 9_000],
      ['post', 'node:inspector', 500],
      ['oneShotDigest', '', 400],
      ['hash', 'node:internal/crypto/hash', 100],
      ['frame', 'file:///home/me/postern/node_modules/ws/lib/sender.js', 200],
      ['writev', '', 200],
      ['encode', 'file:///home/me/postern/packages/ssm-protocol/src/message/client-message.ts', 100],
    ]),
    2,
  );
  expect(busySeconds).toBeCloseTo(0.001);
  expect(functions).toEqual([
    { name: 'oneShotDigest', share: 0.4 },
    { name: 'frame ws/lib/sender.js:10', share: 0.2 },
  ]);
  expect(groups).toEqual([
    { name: 'SHA-256 of payloads', share: 0.5 },
    { name: 'masking of WebSocket frames', share: 0.2 },
    { name: 'writes to the socket (system calls)', share: 0.2 },
    { name: 'ssm-protocol', share: 0.1 },
  ]);
});
