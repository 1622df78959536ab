/**
 * Why a statement has a resource with a wildcard, by `<policy>#<Sid>`. `*` alone: IAM knows nothing narrower, or
 * another rule narrows it.
 */
export const wildcardReasons: Readonly<Record<string, string>> = {
  'ci-access/ci-connect#ConnectAsTestRoles':
    'every declared role has its test role, and nothing else begins with pt_',
  'ci-access/ci-target-instance#StartOnTheTaggedJumpHost':
    'instances come and go in the auto-scaling group; the condition on the tag chooses',
  'ci-access/ci-target-task#StartOnTasksOfTheJumpHostCluster':
    "tasks come and go; the jump host's cluster has no others",
  'ci-access/ci-tunnel#OpenDataChannel':
    "ssmmessages:OpenDataChannel takes no resource; a channel needs the session's token as well",
  'ci-access/ci-tunnel#OwnSessions': 'the condition on the owner chooses',
  'ci-access/discover-jump-host#FindManagedNodesByTag': 'ssm:DescribeInstanceInformation takes no resource',
  'ci-access/discover-sessions#FindLeftoverSessions': 'ssm:DescribeSessions takes no resource',
  'ci-access/discover-tasks#DescribeTheseTasks': "tasks come and go; the jump host's cluster has no others",
  'ci-access/discover-tasks#ListTasksOfTheJumpHostCluster':
    'ecs:ListTasks takes no cluster as a resource; the condition ecs:cluster names it',
  'bootstrap-lambda/connect-migrators#ConnectAsMigrators': 'each declared database has its migrator',
  'bootstrap-lambda/logs#OwnLogGroup': 'the streams of one group',
  'bootstrap-lambda/network-interfaces#LambdaAttachesTheFunction':
    'the Describe calls take no resource, and Lambda checks the others before it knows one; denied to the code',
  'bootstrap-lambda/network-interfaces#NotTheFunctionsOwnCode': 'a Deny, of all',
  'bootstrap-lambda/tracing#SendTraces': 'X-Ray takes no resource',
  'jump-host/agent-sessions#Register': 'instances come and go in the auto-scaling group',
  'jump-host/agent-sessions#ServeSessions': "the agent's side of ssmmessages takes no resource",
  'jump-host/agent-update#DownloadTheAgent': "all that AWS's own bucket for agents has",
  'jump-host/agent-update#ListAssociations': 'ssm:ListAssociations takes no resource',
  'jump-host/agent-update#RunAssociations': 'instances and associations come and go',
  'jump-host/task-sessions#ServeSessions': "the agent's side of ssmmessages takes no resource",
  'jump-host/task-image#SignInToTheRegistry': 'ecr:GetAuthorizationToken takes no resource',
};
