import type { SsmCaller } from '../caller.ts';
import { describeInstanceInformation } from './describe-instance-information.ts';
import { describeSessions } from './describe-sessions.ts';
import { getConnectionStatus } from './get-connection-status.ts';
import { resumeSession } from './resume-session.ts';
import type { ServiceContext } from './service-context.ts';
import { createDocument, getDocument } from './session-documents.ts';
import { startSession } from './start-session.ts';
import { terminateSession } from './terminate-session.ts';

/** Answers plain data or throws `SsmApiError`. */
export type Operation = (context: ServiceContext, input: unknown, caller: SsmCaller) => unknown;

/** By the name after the dot in `X-Amz-Target`. */
export const operations: ReadonlyMap<string, Operation> = new Map([
  ['StartSession', startSession],
  ['ResumeSession', resumeSession],
  ['TerminateSession', terminateSession],
  ['DescribeSessions', describeSessions],
  ['DescribeInstanceInformation', describeInstanceInformation],
  ['GetConnectionStatus', getConnectionStatus],
  ['GetDocument', getDocument],
  ['CreateDocument', createDocument],
]);
