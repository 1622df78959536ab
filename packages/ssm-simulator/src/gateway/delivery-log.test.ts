import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeliveryLog } from './delivery-log.ts';

interface Watched {
  log: DeliveryLog;
  missed: number[];
  /** The client reads all that was delivered, and answers the ping behind it. */
  read: () => void;
}

function watched(): Watched {
  const missed: number[] = [];
  let fences: Array<() => void> = [];
  const log = new DeliveryLog(
    (sequenceNumber) => missed.push(sequenceNumber),
    (passed) => fences.push(passed),
  );
  const read = (): void => {
    const passed = fences;
    fences = [];
    for (const fence of passed) fence();
  };
  return { log, missed, read };
}

test('a first delivery may stay unacknowledged: the client may not be ready', () => {
  const { log, missed } = watched();
  log.delivered(0);
  log.delivered(1);
  log.acknowledged(1);
  expect(missed).toEqual([]);
});

test('an acknowledgement that crosses the repetition counts for the first delivery only', () => {
  const { log, missed } = watched();
  log.delivered(0);
  log.delivered(0);
  log.delivered(1);
  log.acknowledged(0);
  expect(missed).toEqual([]);
  log.acknowledged(0);
  log.acknowledged(1);
  expect(missed).toEqual([]);
});

test('a duplicate that is passed over is reported once', () => {
  const { log, missed } = watched();
  for (const sequence of [0, 0, 1, 2]) log.delivered(sequence);
  for (const sequence of [0, 1, 2]) log.acknowledged(sequence);
  expect(missed).toEqual([0]);
});

test('a message that a client had no room for, twice, is no duplicate to it', () => {
  const { log, missed } = watched();
  for (const sequence of [0, 1, 2, 3]) log.delivered(sequence);
  // 1 is what it waits for, so 3 is what it has no room for.
  for (const sequence of [0, 2]) log.acknowledged(sequence);
  for (const sequence of [3, 1]) log.delivered(sequence);
  for (const sequence of [1, 1]) log.acknowledged(sequence);
  expect(missed).toEqual([]);
});

test('a message that a client had no room for is acknowledged once, when there is room', () => {
  const { log, missed } = watched();
  for (const sequence of [0, 1, 2]) log.delivered(sequence);
  log.acknowledged(2);
  for (const sequence of [1, 3]) log.delivered(sequence);
  for (const sequence of [1, 3]) log.acknowledged(sequence);
  expect(missed).toEqual([]);
});

test('a message that it acknowledged long ago, or that it waits for, is', () => {
  const { log, missed } = watched();
  for (const sequence of [0, 1, 2]) log.delivered(sequence);
  for (const sequence of [0, 2]) log.acknowledged(sequence);
  for (const sequence of [0, 1, 3]) log.delivered(sequence);
  log.acknowledged(3);
  expect(missed).toEqual([0, 1]);
});

test('an acknowledgement that was lost with the socket is owed again on the next one', () => {
  const { log, missed } = watched();
  log.delivered(0);
  log.connectionLost();
  for (const sequence of [0, 1]) log.delivered(sequence);
  log.acknowledged(1);
  expect(missed).toEqual([0]);
});

test('a client that reads the same again and again and says nothing is found out', () => {
  const { log, missed, read } = watched();
  for (let count = 0; count < 6; count++) {
    expect(missed).toEqual([]);
    log.delivered(0);
    read();
  }
  expect(missed).toEqual([0]);
});

test('a client that does not run for a while is not, however often a message is repeated meanwhile', () => {
  const { log, missed, read } = watched();
  log.delivered(0);
  log.delivered(1);
  log.acknowledged(1);
  for (let count = 0; count < 1_500; count++) log.delivered(1);
  read();
  for (let count = 0; count < 1_500; count++) log.acknowledged(1);
  for (let count = 0; count < 100; count++) {
    log.delivered(1);
    read();
    log.acknowledged(1);
  }
  expect(missed).toEqual([]);
});

test('nor is one that has no room', () => {
  const { log, missed, read } = watched();
  for (const sequence of [0, 1, 2]) log.delivered(sequence);
  log.acknowledged(0);
  for (let count = 0; count < 100; count++) {
    log.delivered(2);
    read();
  }
  expect(missed).toEqual([]);
});

test('what was under way when a socket died need not be acknowledged', () => {
  const { log, missed } = watched();
  log.delivered(0);
  log.delivered(0);
  log.connectionLost();
  log.delivered(1);
  log.acknowledged(1);
  expect(missed).toEqual([]);
  expect(log.acknowledged(0)).toBe(true);
});

test('what was never sent cannot be acknowledged', () => {
  const { log } = watched();
  log.delivered(0);
  expect(log.acknowledged(1)).toBe(false);
});

test('a client that acknowledges everything it takes is never accused, whatever it has no room for', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ sequence: fc.nat(30), lost: fc.boolean() }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 8 }),
      fc.nat(10),
      (deliveries, room, lag) => {
        const { log, missed } = watched();
        const taken = new Set<number>();
        const acknowledgements: number[] = [];
        let expected = 0;
        const catchUp = (left: number): void => {
          while (acknowledgements.length > left) log.acknowledged(acknowledgements.shift() ?? 0);
        };
        for (const { sequence, lost } of deliveries) {
          log.delivered(sequence);
          // Beyond its room a client takes only what it waits for. What it has taken it always acknowledges.
          if (sequence < expected + room || taken.has(sequence)) {
            taken.add(sequence);
            acknowledgements.push(sequence);
            while (taken.has(expected)) expected++;
          }
          catchUp(lag);
          if (lost && sequence === 30) {
            acknowledgements.length = 0;
            log.connectionLost();
          }
        }
        catchUp(0);
        expect(missed).toEqual([]);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a client that never acknowledges a message twice is always found out', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10), { minLength: 1, maxLength: 60 }), (sequences) => {
      const { log, missed } = watched();
      const taken = new Set<number>();
      let duplicates = 0;
      for (const sequence of sequences) {
        log.delivered(sequence);
        if (taken.has(sequence)) duplicates++;
        else log.acknowledged(sequence);
        taken.add(sequence);
      }
      log.delivered(99);
      log.acknowledged(99);
      expect(missed).toHaveLength(duplicates);
    }),
  );
});
