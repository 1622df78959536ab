import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Counters } from '../statistics.ts';
import { MessageFaults } from './message-faults.ts';
import { Noise, type NoiseOptions } from './noise.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const message = (name: string): { messageType: string; payloadType: number; name: string } => ({
  messageType: 'input_stream_data',
  payloadType: 1,
  name,
});

function passed(faults: MessageFaults, names: string): string {
  let delivered = '';
  for (const name of names) faults.pass('to-agent', message(name), (it) => (delivered += it.name));
  vi.advanceTimersByTime(1_000);
  return delivered;
}

const noisy = (options: NoiseOptions, session = 0): MessageFaults => {
  const faults = new MessageFaults(session, new Counters());
  faults.addNoise(new Noise(options));
  return faults;
};

const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(20);

test('a reordered message comes behind the next one, or late when there is none', () => {
  const faults = new MessageFaults(0, new Counters());
  faults.add('to-agent', 2, {}, { type: 'reorder' });
  // The second of two may not be held as well: it overtakes.
  expect(passed(faults, 'abcd')).toBe('bacd');
  faults.add('to-agent', 1, {}, { type: 'reorder' });
  expect(passed(faults, 'e')).toBe('e');
});

test('a dropped message does not overtake the one that waits', () => {
  const faults = new MessageFaults(0, new Counters());
  faults.add('to-agent', 1, {}, { type: 'reorder' });
  faults.add('to-agent', 1, {}, { type: 'drop' });
  expect(passed(faults, 'abc')).toBe('ca');
});

test('the same seed makes the same noise, another seed or session another one', () => {
  const options = { drop: 0.1, duplicate: 0.1, reorder: 0.1, seed: 42 };
  const first = passed(noisy(options), letters);
  expect(passed(noisy(options), letters)).toBe(first);
  expect(passed(noisy({ ...options, seed: 43 }), letters)).not.toBe(first);
  expect(passed(noisy(options, 1), letters)).not.toBe(first);
});

test('noise is about as loud as asked for', () => {
  const counters = new Counters();
  const faults = new MessageFaults(0, counters);
  faults.addNoise(new Noise({ drop: 0.2, duplicate: 0.1, reorder: 0.05 }));
  for (let count = 0; count < 100; count++) passed(faults, letters);
  const messages = 100 * letters.length;
  expect(counters.messagesDropped / messages).toBeCloseTo(0.2, 1);
  expect(counters.messagesDuplicated / messages).toBeCloseTo(0.1, 1);
  expect(counters.messagesReordered / messages).toBeGreaterThan(0.03);
});

test('noise that was stopped, and faults of a session that is over, do nothing any more', () => {
  const faults = new MessageFaults(0, new Counters());
  const noise = new Noise({ drop: 1 });
  faults.addNoise(noise);
  expect(passed(faults, 'ab')).toBe('');
  faults.removeNoise(noise);
  expect(passed(faults, 'ab')).toBe('ab');
  faults.add('to-agent', 9, {}, { type: 'reorder' });
  let late = '';
  faults.pass('to-agent', message('a'), (it) => (late += it.name));
  faults.close();
  expect(vi.getTimerCount()).toBe(0);
  expect([late, passed(faults, 'b')]).toEqual(['', 'b']);
});
