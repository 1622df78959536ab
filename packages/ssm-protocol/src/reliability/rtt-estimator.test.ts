import { expect, it } from 'vitest';
import { RttEstimator } from './rtt-estimator.ts';

it('follows the formula of the official peers, with its floor and its ceiling', () => {
  const rtt = new RttEstimator();
  expect([rtt.smoothedMs, rtt.timeoutMs]).toEqual([100, 200]);
  rtt.sample(300);
  // RTTVAR = 3/4·0 + 1/4·|100 − 300| = 50 ; SRTT = 7/8·100 + 1/8·300 = 125 ; RTO = 125 + 4·50
  expect([rtt.smoothedMs, rtt.timeoutMs]).toEqual([125, 325]);
  rtt.sample(125);
  // RTTVAR = 37.5 ; SRTT = 125 ; RTO = 125 + 150
  expect([rtt.smoothedMs, rtt.timeoutMs]).toEqual([125, 275]);
  for (let i = 0; i < 200; i++) rtt.sample(4);
  expect(rtt.timeoutMs).toBeCloseTo(14, 3);
  rtt.sample(60_000);
  expect(rtt.timeoutMs).toBe(1_000);
});

it('waits longer after each timeout until a round trip is learnt, so that a long one can be learnt at all', () => {
  const rtt = new RttEstimator();
  expect(rtt.patientTimeoutMs).toBe(200);
  rtt.backOff();
  rtt.backOff();
  expect([rtt.timeoutMs, rtt.patientTimeoutMs]).toEqual([200, 800]);
  for (let i = 0; i < 20; i++) rtt.backOff();
  expect(rtt.patientTimeoutMs).toBe(8_000);
  rtt.sample(700);
  expect(rtt.patientTimeoutMs).toBe(rtt.timeoutMs);
});
