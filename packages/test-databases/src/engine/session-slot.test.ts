import { expect, test } from 'vitest';
import { SessionSlot } from './session-slot.ts';
import type { EngineSession } from './types.ts';

class FakeSession implements EngineSession {
  readonly listeners = new Map<string, () => void>();
  ended = false;
  async query(): Promise<{ rows: unknown[] }> {
    return { rows: [] };
  }
  async end(): Promise<void> {
    this.ended = true;
  }
  on(event: string, listener: (error: Error) => void): void {
    this.listeners.set(event, () => listener(new Error('lost')));
  }
}

const open = (): { slot: SessionSlot; opened: FakeSession[] } => {
  const opened: FakeSession[] = [];
  const slot = new SessionSlot(async () => {
    const session = new FakeSession();
    opened.push(session);
    return session;
  });
  return { slot, opened };
};

test('two pieces of work never share the session at the same moment', async () => {
  const { slot, opened } = open();
  let busy = 0;
  const work = async (): Promise<void> => {
    expect(++busy).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    busy--;
  };
  await Promise.all([slot.use(work), slot.use(work), slot.use(work)]);
  expect(opened).toHaveLength(1);
});

test('a session that broke in silence costs repeatable work a second try, once', async () => {
  const { slot, opened } = open();
  let tries = 0;
  const broken = async (): Promise<never> => {
    tries++;
    throw Object.assign(new Error('terminating connection'), { code: '57P01' });
  };
  await expect(slot.use(broken, { repeatable: true })).rejects.toThrow('terminating connection');
  expect(tries).toBe(2);
  await expect(slot.use(broken)).rejects.toThrow('terminating connection');
  expect(tries).toBe(3);
  expect(opened).toHaveLength(3);
});

test('an error of the work itself is not tried again, and what follows goes on in the same session', async () => {
  const { slot, opened } = open();
  const wrong = slot.use(() => Promise.reject(new Error('wrong')), { repeatable: true });
  const next = slot.use(async () => 'fine');
  await expect(wrong).rejects.toThrow('wrong');
  expect(await next).toBe('fine');
  expect(opened).toHaveLength(1);
});

test('a session that ended is replaced at the next use', async () => {
  const { slot, opened } = open();
  await slot.use(async () => undefined);
  opened[0]?.listeners.get('end')?.();
  await slot.use(async () => undefined);
  expect(opened).toHaveLength(2);
  await slot.close();
  expect(opened[1]?.ended).toBe(true);
});

test('a server that could not be reached is tried again at the next use', async () => {
  let reachable = false;
  const slot = new SessionSlot(async () => {
    if (!reachable) throw new Error('refused');
    return new FakeSession();
  });
  await expect(slot.use(async () => 'fine')).rejects.toThrow('refused');
  reachable = true;
  expect(await slot.use(async () => 'fine')).toBe('fine');
});
