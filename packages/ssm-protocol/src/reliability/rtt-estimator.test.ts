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
