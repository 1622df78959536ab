import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OutputPump } from './output-pump.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

interface Pumped {
  pump: OutputPump;
  sizes: number[];
  gate: { open: boolean };
}

function pumped(pacing: boolean): Pumped {
  const sizes: number[] = [];
  const gate = { open: true };
  const pump = new OutputPump({
    send: (payload) => void sizes.push(payload.length),
    ready: () => gate.open,
    pacing,
    payloadBytes: 1024,
  });
  return { pump, sizes, gate };
}

test('with pacing, 1,024 bytes a millisecond are the limit of a session', () => {
  const { pump, sizes } = pumped(true);
  pump.write(Buffer.alloc(3000));
  expect(sizes).toEqual([1024]);
  vi.advanceTimersByTime(1);
  expect(sizes).toEqual([1024, 1024]);
  pump.write(Buffer.alloc(100), Buffer.alloc(100));
  vi.advanceTimersByTime(10);
  expect(sizes).toEqual([1024, 1024, 1024, 128]);
});

test('without pacing all goes at once, in the same payloads', () => {
  const { pump, sizes } = pumped(false);
  pump.write(Buffer.alloc(1000), Buffer.alloc(2000));
  expect(sizes).toEqual([1024, 1024, 952]);
});

test('while it may not send it fills up, and tells who waits when there is room again', () => {
  const { pump, sizes, gate } = pumped(false);
  gate.open = false;
  pump.write(Buffer.alloc(256 * 1024));
  expect(pump.full).toBe(true);
  let room = 0;
  pump.whenRoom(() => room++);
  expect([sizes.length, room]).toEqual([0, 0]);
  gate.open = true;
  pump.kick();
  expect([sizes.length, room, pump.full]).toEqual([256, 1, false]);
});

test('a closed pump sends nothing', () => {
  const { pump, sizes } = pumped(true);
  pump.write(Buffer.alloc(5000));
  pump.close();
  vi.advanceTimersByTime(100);
  pump.write(Buffer.alloc(10));
  expect(sizes).toEqual([1024]);
});
