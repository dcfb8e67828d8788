import { parse } from 'yaml';
import { createMetrics } from '../../src/platform/metrics';
import { filesIn, read } from '../architecture/tree';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
}

const files = filesIn('docs/alerts').filter((path) => path.endsWith('.yml'));
const rules = files.flatMap((path) =>
  (parse(read(path)) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules),
);

/** Names and labels of our metrics, with the series that a histogram has. */
async function series(): Promise<Map<string, readonly string[]>> {
  const { registry } = createMetrics();
  const known = new Map<string, readonly string[]>();
  for (const { name, type } of await registry.getMetricsAsJSON()) {
    const { labelNames = [] } = registry.getSingleMetric(name) as unknown as {
      labelNames?: string[];
    };
    const suffixes = String(type) === 'histogram' ? ['_bucket', '_count', '_sum'] : [''];
    for (const suffix of suffixes)
      known.set(`${name}${suffix}`, [...labelNames, ...(suffix === '_bucket' ? ['le'] : [])]);
  }
  return known;
}

/** GitHub's anchor of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

describe('the alert rules', () => {
  test('cover what operations asks for', () => {
    expect(rules.map(({ alert }) => alert).sort()).toEqual([
      'AuditArchiveStuck',
      'AuditLogBroken',
      'AuditLogHalted',
      'AuditUnattested',
      'AuditUncovered',
      'AuditUnverified',
      'BackendRefusals',
      'MailBounceRatioHigh',
      'OnboardingParkedLong',
      'OutboxLag',
      'ProvisionSuccessLow',
      'TimeToActiveSlow',
      'WorkerSilent',
    ]);
  });

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s uses metrics and labels that Usher exports',
    async (_name, { expr }) => {
      const known = await series();
      const metrics = [...expr.matchAll(/\b([a-z]+(?:_[a-z]+)+)(?:\{([^}]*)\})?/g)].filter(
        ([, name = '']) => !['histogram_quantile'].includes(name),
      );
      expect(metrics.length).toBeGreaterThan(0);
      for (const [, name = '', matchers = ''] of metrics) {
        expect([...known.keys()]).toContain(name);
        const labels = [...matchers.matchAll(/(\w+)\s*[=!]/g)].map(([, label]) => label);
        expect(labels.filter((label) => !known.get(name)?.includes(label ?? ''))).toEqual([]);
      }
    },
  );

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s leads to its section of the runbook',
    (_name, rule) => {
      const [page = '', section] = rule.annotations.runbook_url.split('#');
      const sections = [...read(page).matchAll(/^#{2,4} (.+)$/gm)].map(([, heading = '']) =>
        anchor(heading),
      );
      expect(sections).toContain(section);
      expect(['page', 'ticket']).toContain(rule.labels.severity);
      expect(rule.for).toMatch(/^\d+m$/);
      expect(rule.annotations.summary).not.toBe('');
    },
  );
});
