import type { Access } from '../access.ts';
import type { DocumentRegistry } from '../documents/document-registry.ts';
import type { InstanceRegistry } from '../instances.ts';
import type { ServiceSettings } from '../service-options.ts';
import type { SessionService } from '../session-service.ts';
import type { Counters } from '../statistics.ts';

/** What the operations of one account and region work on. */
export interface ServiceContext {
  readonly access: Access;
  readonly instances: InstanceRegistry;
  readonly documents: DocumentRegistry;
  readonly sessions: SessionService;
  readonly counters: Counters;
  readonly resumeOfEnded: ServiceSettings['resumeOfEnded'];
}
