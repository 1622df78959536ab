import { expect, test } from 'vitest';
import { PauseWatch } from './pause-watch.ts';

interface Watched {
  watch: PauseWatch;
  clock: { ms: number };
  read: () => void;
  /** The most that was counted while that many new messages came. */
  send: (messages: number) => number | undefined;
}

function watched(): Watched {
  const clock = { ms: 0 };
  let fences: Array<() => void> = [];
  const watch = new PauseWatch(
    () => clock.ms,
    (passed) => fences.push(passed),
  );
  const read = (): void => {
    const passed = fences;
    fences = [];
    for (const fence of passed) fence();
  };
  const send = (messages: number): number | undefined => {
    let counted: number | undefined;
    for (let count = 0; count < messages; count++) counted = watch.tooMany() ?? counted;
    return counted;
  };
  return { watch, clock, read, send };
}

test('what a client sends before it has read the pause, and for a moment after, does not count', () => {
  const { watch, clock, read, send } = watched();
  watch.paused();
  clock.ms = 60_000;
  expect(send(100)).toBeUndefined();
  read();
  expect(send(100)).toBeUndefined();
  // It comes late because nobody looked, not because it was sent late.
  clock.ms += 5_000;
  expect(send(100)).toBeUndefined();
});

test('a probe a second is allowed for as long as the pause lasts, a stream of data is not', () => {
  const { watch, clock, read, send } = watched();
  watch.paused();
  read();
  for (clock.ms = 1_000; clock.ms < 600_000; clock.ms += 1_000) {
    expect(send(1)).toBeUndefined();
    read();
  }
  expect(send(2_000)).toBeGreaterThan(1_000);
});

test('an acknowledgement or a start ends the pause, and a late reading of it changes nothing', () => {
  const { watch, clock, read, send } = watched();
  watch.paused();
  watch.over();
  read();
  clock.ms = 10_000;
  expect(send(100)).toBeUndefined();
  read();
  clock.ms = 20_000;
  expect(send(100)).toBeUndefined();
});
