export { conformanceSuite } from './conformance-suite.ts';
export type {
  ConformanceHarness,
  FaultyHarness,
  InspectedSession,
  OpenOptions,
  ServiceInspection,
  ServiceSettings,
  SimulatedHarness,
} from './harness.ts';
export { startSimulatorHarness } from './simulator-harness.ts';
