/** Where a session goes: `i-…`, `mi-…`, or `ecs:<cluster>_<task>_<runtime id>`. */
export type TargetKind = 'ec2' | 'managed' | 'ecs';

export function targetKind(target: string): TargetKind {
  if (target.startsWith('ecs:')) return 'ecs';
  return target.startsWith('mi-') ? 'managed' : 'ec2';
}

/** The ARN that permissions for a target are checked on. */
export function targetArn(target: string, scope: { region: string; accountId: string }): string {
  const prefix = `${scope.region}:${scope.accountId}`;
  switch (targetKind(target)) {
    case 'ec2':
      return `arn:aws:ec2:${prefix}:instance/${target}`;
    case 'managed':
      return `arn:aws:ssm:${prefix}:managed-instance/${target}`;
    case 'ecs': {
      const [cluster = '', task = ''] = target.slice('ecs:'.length).split('_');
      return `arn:aws:ecs:${prefix}:task/${cluster}/${task}`;
    }
  }
}

export function sessionArn(sessionId: string, scope: { region: string; accountId: string }): string {
  return `arn:aws:ssm:${scope.region}:${scope.accountId}:session/${sessionId}`;
}
