export type { SsmAgentOptions } from './agent/agent-options.ts';
export type { AccessRequest, Authorize, SsmCaller } from './caller.ts';
export type { SessionDocument, SessionDocumentParameter } from './documents/session-document.ts';
export {
  isSsmApiError,
  isSsmSimulatorError,
  SsmApiError,
  type SsmErrorKind,
  SsmSimulatorError,
  type SsmSimulatorErrorCode,
} from './errors.ts';
export type { SsmSimulatorEvents } from './events.ts';
export type { MessageFaultOptions, SsmFaults } from './faults.ts';
export type { Direction, MessageMatch } from './gateway/message-faults.ts';
export type { NoiseOptions } from './gateway/noise.ts';
export type { Side } from './gateway/session-relay.ts';
export type { SsmInstance } from './instances.ts';
export type { SsmSimulatorOptions } from './options.ts';
export type { SsmServiceOptions } from './service-options.ts';
export type { SessionStatus } from './session.ts';
export { createSsmSimulator, type SsmSessionSummary, type SsmSimulator } from './simulator.ts';
export { type StandAloneOptions, startSsmSimulator } from './stand-alone.ts';
export type { SsmStatistics } from './statistics.ts';
export type { Violation, ViolationKind } from './violations.ts';
