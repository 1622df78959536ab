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
export type { Side } from './gateway/session-relay.ts';
export type { SsmInstance } from './instances.ts';
export type { SsmAgentOptions, SsmSimulatorOptions } from './options.ts';
export { createSsmSimulator, type SsmSimulator } from './simulator.ts';
export { type StandAloneOptions, startSsmSimulator } from './stand-alone.ts';
export type { SsmStatistics } from './statistics.ts';
export type { Violation, ViolationKind } from './violations.ts';
