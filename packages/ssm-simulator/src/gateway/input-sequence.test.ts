import { expect, test } from 'vitest';
import { InputSequence } from './input-sequence.ts';

interface Watched {
  sequence: InputSequence;
  recorded: string[];
  receive: (...numbers: number[]) => void;
}

/** On its first connection. A message's digest is its number, shifted so that none is 0. */
function watched(): Watched {
  const recorded: string[] = [];
  const sequence = new InputSequence((kind, detail) => recorded.push(`${kind}: ${detail}`));
  sequence.connected();
  const receive = (...numbers: number[]): void => {
    for (const number of numbers) sequence.received(number, number + 1_000);
  };
  return { sequence, recorded, receive };
}

test('on one connection every new number is the next one', () => {
  const { recorded, receive } = watched();
  receive(0, 1, 2, 1, 2, 3);
  expect(recorded).toEqual([]);
  receive(5, 4, 6);
  expect(recorded).toEqual(['sequence-gap: 5 follows 3, 1 are missing']);
});

test('what was under way when a connection was lost may come in any order, and again on the next one', () => {
  const { sequence, recorded, receive } = watched();
  receive(0, 1);
  sequence.connected();
  receive(9, 7, 12, 2, 3, 13);
  sequence.connected();
  receive(4, 5, 6, 8, 10, 11);
  for (let number = 14; number < 30_000; number++) receive(number);
  expect(recorded).toEqual([]);
});

test('a number left out for good is found out, once', () => {
  const { sequence, recorded, receive } = watched();
  receive(0);
  sequence.connected();
  receive(4, 2, 3);
  for (let number = 5; number <= 10_001; number++) receive(number);
  expect(recorded).toEqual([]);
  receive(10_002, 10_003);
  expect(recorded).toEqual(['sequence-gap: 1 was left out and has not followed by 10002']);
});

test('a jump beyond any window is no reconnect', () => {
  const { sequence, recorded, receive } = watched();
  receive(0);
  sequence.connected();
  receive(10_002);
  expect(recorded).toHaveLength(1);
});

test('a retransmission with another payload is found out, also of what came first after a reconnect', () => {
  const { sequence, recorded } = watched();
  sequence.received(0, 1);
  sequence.received(0, 1);
  sequence.received(0, 2);
  sequence.connected();
  sequence.received(3, 4);
  sequence.received(1, 2);
  sequence.received(1, 9);
  expect(recorded).toEqual([
    'changed-retransmission: 0 came again with another payload',
    'changed-retransmission: 1 came again with another payload',
  ]);
});
