import { channel } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { hostChannel } from './meta.ts';
import { openRecorder } from './recorder.ts';

test('projects with a client each, of one host, do not have its events counted twice', () => {
  const recorder = openRecorder('');
  try {
    const host = channel(hostChannel);
    const fallback = { phase: 'reset', state: 'done', reason: 'ddl' };
    for (const id of ['7-1', '7-1', '7-2', '8-1', '7-2']) host.publish({ ...fallback, id });
    const { host: told } = recorder.finish([], { vitest: '5.1.1', state: 'passed' });
    expect([...told.values()].flat().map(({ id }) => id)).toEqual(['7-1', '7-2', '8-1']);
  } finally {
    recorder.close();
  }
});
