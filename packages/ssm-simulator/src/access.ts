import type { Authorize, SsmCaller } from './caller.ts';
import { DEFAULT_DOCUMENT } from './documents/aws-owned.ts';
import type { DocumentRegistry } from './documents/document-registry.ts';
import { isSsmApiError } from './errors.ts';
import type { InstanceRegistry } from './instances.ts';
import type { Session } from './session.ts';
import { sessionArn, targetArn } from './target.ts';

/** Which permissions an operation needs, on which resources, with which condition keys. */
export class Access {
  readonly #authorize: Authorize;
  readonly #scope: { region: string; accountId: string };
  readonly #instances: InstanceRegistry;
  readonly #documents: DocumentRegistry;

  constructor(
    authorize: Authorize | undefined,
    scope: { region: string; accountId: string },
    instances: InstanceRegistry,
    documents: DocumentRegistry,
  ) {
    this.#authorize = authorize ?? (() => {});
    this.#scope = scope;
    this.#instances = instances;
    this.#documents = documents;
  }

  /**
   * StartSession needs permission on the target and on the document. With no document named, permission on the
   * target alone is enough for a shell, unless the policy asks for `ssm:SessionDocumentAccessCheck`; the
   * document's own check does not carry that key, which is why policies need `BoolIfExists`.
   */
  startSession(caller: SsmCaller, target: string, documentName: string | undefined): void {
    const action = 'ssm:StartSession';
    const resource = targetArn(target, this.#scope);
    const context = this.#targetContext(target);
    const onTarget = (check: 'true' | 'false'): void =>
      this.#authorize({
        caller,
        action,
        resource,
        context: { ...context, 'ssm:SessionDocumentAccessCheck': check },
      });
    if (documentName === undefined) {
      try {
        onTarget('false');
        return;
      } catch (error) {
        if (!isSsmApiError(error) || error.code !== 'AccessDeniedException') throw error;
      }
    }
    onTarget('true');
    const document = this.#documents.arnOf(documentName ?? DEFAULT_DOCUMENT);
    this.#authorize({ caller, action, resource: document, context: {} });
  }

  /** ResumeSession, TerminateSession and `ssmmessages:OpenDataChannel`; `session` when there is such a one. */
  session(caller: SsmCaller, action: string, sessionId: string, session: Session | undefined): void {
    this.#authorize({
      caller,
      action,
      resource: sessionArn(sessionId, this.#scope),
      context:
        session === undefined
          ? {}
          : {
              'ssm:resourceTag/aws:ssmmessages:session-id': session.owner.userId,
              'ssm:resourceTag/aws:ssmmessages:target-id': session.target,
            },
    });
  }

  target(caller: SsmCaller, action: string, target: string): void {
    this.#authorize({
      caller,
      action,
      resource: targetArn(target, this.#scope),
      context: this.#targetContext(target),
    });
  }

  document(caller: SsmCaller, action: string, name: string): void {
    this.#authorize({ caller, action, resource: this.#documents.arnOf(name), context: {} });
  }

  account(caller: SsmCaller, action: string): void {
    this.#authorize({ caller, action, resource: '*', context: {} });
  }

  #targetContext(target: string): Record<string, string> {
    const context: Record<string, string> = {};
    for (const [key, value] of Object.entries(this.#instances.find(target)?.tags ?? {})) {
      context[`ssm:resourceTag/${key}`] = value;
      context[`aws:ResourceTag/${key}`] = value;
    }
    return context;
  }
}
