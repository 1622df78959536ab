import type { ResetOutcome } from '@postern/test-databases';
import { expect, it, vi } from 'vitest';
import { type ResetSession, ResetSessions } from './reset-sessions.ts';

const done: ResetOutcome = { status: 'reset', tables: 1, sequences: 0, ended: [] };
const keep: readonly number[] = [];

interface Fake extends ResetSession {
  readonly database: string;
  breaks: Error | undefined;
  end: () => void;
}

function fixture(max = 10): { sessions: ResetSessions; opened: Fake[]; closed: string[] } {
  const opened: Fake[] = [];
  const closed: string[] = [];
  const open = async (database: string): Promise<ResetSession> => {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const fake: Fake = {
      database,
      breaks: undefined,
      end,
      ended,
      reset: async () => {
        if (fake.breaks !== undefined) throw fake.breaks;
        return done;
      },
      close: async () => {
        closed.push(database);
        end();
      },
    };
    opened.push(fake);
    return fake;
  };
  return { sessions: new ResetSessions({ open, max }), opened, closed };
}

it('are opened ahead, once, and used again', async () => {
  const { sessions, opened } = fixture();
  sessions.openAhead('a');
  sessions.openAhead('a');
  await sessions.reset('a', { keep });
  await sessions.reset('a', { keep });
  expect(opened).toHaveLength(1);
});

it('that have broken unnoticed are replaced, once', async () => {
  const { sessions, opened } = fixture();
  await sessions.reset('a', { keep });
  (opened[0] as Fake).breaks = new Error('Connection terminated unexpectedly');
  await expect(sessions.reset('a', { keep })).resolves.toBe(done);
  expect(opened).toHaveLength(2);
});

it('that have ended are opened again', async () => {
  const { sessions, opened } = fixture();
  await sessions.reset('a', { keep });
  (opened[0] as Fake).end();
  await vi.waitFor(() => expect(sessions.open).toBe(0), 20_000);
  await sessions.reset('a', { keep });
  expect(opened).toHaveLength(2);
});

it('whose server refuses the reset are not blamed for it', async () => {
  const { sessions, opened } = fixture();
  await sessions.reset('a', { keep });
  const refusal = Object.assign(new Error('permission denied'), { code: '42501' });
  (opened[0] as Fake).breaks = refusal;
  await expect(sessions.reset('a', { keep })).rejects.toBe(refusal);
  expect(opened).toHaveLength(1);
});

it('are no more than were claimed: the one that was used longest ago makes room', async () => {
  const { sessions, closed } = fixture(2);
  for (const database of ['a', 'b', 'a', 'c']) await sessions.reset(database, { keep });
  await vi.waitFor(() => expect(closed).toEqual(['b']), 20_000);
  expect(sessions.open).toBe(2);
});

it('all end with the run', async () => {
  const { sessions, closed } = fixture();
  sessions.openAhead('a');
  sessions.openAhead('b');
  await sessions.close();
  expect(closed.sort()).toEqual(['a', 'b']);
  sessions.openAhead('c');
  expect(sessions.open).toBe(0);
});
