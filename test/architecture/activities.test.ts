import { createActivities } from '../../activities';
import { createApiKeyActivities } from '../../activities/api-keys';
import { createAuditActivities } from '../../activities/audit';
import { createArchiveActivities } from '../../activities/archive';
import { createLifecycleActivities } from '../../activities/lifecycle';
import { createOnboardingActivities } from '../../activities/onboarding';
import { createTenantActivities } from '../../activities/tenants';

type Deps = Parameters<typeof createActivities>[0];

describe('the activities', () => {
  test('have one name each: of two with the same name a workflow would call the wrong one', () => {
    const deps = {} as Deps;
    const names = [
      createOnboardingActivities(deps),
      createTenantActivities(deps),
      createApiKeyActivities(deps),
      createAuditActivities(deps),
      createLifecycleActivities(deps),
      createArchiveActivities(deps.archive),
    ].flatMap(Object.keys);
    expect(names).toEqual([...new Set(names)]);
    expect(Object.keys(createActivities(deps)).sort()).toEqual(names.sort());
  });
});
