export type { ProcessUsage } from './calls.ts';
export {
  type RemoteSsmFaults,
  type SpawnedSimulatorOptions,
  type SpawnedSsmSimulator,
  type SpawnOptions,
  spawnSsmSimulator,
} from './spawn-ssm-simulator.ts';
