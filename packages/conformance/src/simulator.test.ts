import { afterAll } from 'vitest';
import { conformanceSuite } from './conformance-suite.ts';
import { startSimulatorHarness } from './simulator-harness.ts';

const harness = await startSimulatorHarness();
afterAll(() => harness[Symbol.asyncDispose]());
conformanceSuite(harness);
