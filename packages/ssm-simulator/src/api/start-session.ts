import type { SsmCaller } from '../caller.ts';
import { DEFAULT_DOCUMENT } from '../documents/aws-owned.ts';
import { parameterValues } from '../documents/parameter-values.ts';
import { substitute } from '../documents/session-document.ts';
import { SsmApiError } from '../errors.ts';
import { Constraints } from './constraints.ts';
import type { ServiceContext } from './service-context.ts';

/**
 * Order of checks: shape, permission, document, parameters, target. Permission comes before existence, so that a
 * caller learns nothing about what it may not use.
 */
export function startSession(context: ServiceContext, input: unknown, caller: SsmCaller): unknown {
  context.counters.startSessionCalls++;
  const read = new Constraints(input);
  const target = read.text('Target', { required: true, min: 1, max: 400 }) ?? '';
  const documentName = read.text('DocumentName', { pattern: /^[a-zA-Z0-9_\-.:/]{3,128}$/ });
  const reason = read.text('Reason', { min: 1, max: 256, pattern: /^.{1,256}$/ });
  const given = read.parameters('Parameters', { maxName: 255, maxValue: 65_535 });
  read.check();

  context.access.startSession(caller, target, documentName);

  const document = context.documents.get(documentName ?? DEFAULT_DOCUMENT);
  if (document.content.sessionType !== 'Port')
    throw new SsmApiError(
      'InvalidDocument',
      `Document ${document.name} has session type ${document.content.sessionType}; this simulator runs Port sessions only.`,
    );
  const values = parameterValues(document.name, document.content, given);

  const instance = context.instances.find(target);
  if (instance?.pingStatus !== 'Online')
    throw new SsmApiError('TargetNotConnected', `${target} is not connected.`);

  const session = context.sessions.start(
    {
      target,
      documentName: document.name,
      sessionType: document.content.sessionType,
      properties: substitute(document.content, values),
      reason,
      owner: caller,
    },
    instance,
  );
  return context.sessions.access(session);
}
