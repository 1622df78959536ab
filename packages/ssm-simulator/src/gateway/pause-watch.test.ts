import { expect, test } from 'vitest';
import { PauseWatch } from './pause-watch.ts';

function watched(): { watch: PauseWatch; clock: { ms: number } } {
  const clock = { ms: 0 };
  return { watch: new PauseWatch(() => clock.ms), clock };
}

test('what a client sends before it has read the pause, and for a moment after, does not count', () => {
  const { watch, clock } = watched();
  const read = watch.paused();
  clock.ms = 60_000;
  for (let count = 0; count < 100; count++) expect(watch.tooMany()).toBeUndefined();
  read();
  for (let count = 0; count < 100; count++) expect(watch.tooMany()).toBeUndefined();
});

test('a probe a second is allowed for as long as the pause lasts, a stream of data is not', () => {
  const { watch, clock } = watched();
  watch.paused()();
  for (clock.ms = 1_000; clock.ms < 600_000; clock.ms += 1_000) expect(watch.tooMany()).toBeUndefined();
  const counts = Array.from({ length: 2_000 }, () => watch.tooMany());
  expect(counts.at(-1)).toBeDefined();
});

test('an acknowledgement or a start ends the pause, and a late reading of it changes nothing', () => {
  const { watch, clock } = watched();
  const read = watch.paused();
  watch.over();
  read();
  clock.ms = 10_000;
  for (let count = 0; count < 100; count++) expect(watch.tooMany()).toBeUndefined();
});
