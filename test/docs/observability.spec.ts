import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../lib/adapters/otel/metric-definitions.js';

const read = (name: string): string => readFileSync(join(import.meta.dirname, '../../docs/observability', name), 'utf8');
const rulesText = read('alert-rules.yaml');
const guide = readFileSync(join(import.meta.dirname, '../../docs/observability.md'), 'utf8');

/** The names that an exporter for Prometheus gives a metric. */
function prometheusNames({ name, kind, unit }: (typeof METRICS)[keyof typeof METRICS]): string[] {
  const base = `${name.replaceAll('.', '_')}${unit === 's' ? '_seconds' : ''}`;
  if (kind === 'histogram') return ['_bucket', '_sum', '_count'].map((suffix) => base + suffix);
  return [kind === 'counter' ? `${base}_total` : base];
}

const exported = new Set(Object.values(METRICS).flatMap(prometheusNames));
const LABELS = new Set(
  ['registration', 'operation', 'outcome', 'reason', 'state', 'allowed', 'decided_by', 'result'].map((name) => `redis_auth_${name}`),
);

/** Names in an expression that are neither exported nor labels of what is. */
function unknownNames(expression: string): string[] {
  return [...expression.matchAll(/\bredis_auth\w*/g)].map(([name]) => name).filter((name) => !exported.has(name) && !LABELS.has(name));
}

interface Panel {
  title: string;
  targets: { expr: string; legendFormat: string }[];
  gridPos: { x: number; y: number; w: number; h: number };
}

describe('the dashboard', () => {
  const dashboard = JSON.parse(read('grafana-dashboard.json')) as { title: string; schemaVersion: number; panels: Panel[] };

  it('asks only for metrics that the package exports, and for each of them', () => {
    const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr, legendFormat }) => `${expr} ${legendFormat}`));
    expect(expressions.flatMap(unknownNames)).toEqual([]);
    const missing = Object.values(METRICS).filter(
      (metric) => !prometheusNames(metric).some((name) => expressions.some((text) => text.includes(name))),
    );
    expect(missing.map(({ name }) => name)).toEqual([]);
    expect(unknownNames('rate(redis_auth_operation_total[5m])')).toEqual(['redis_auth_operation_total']);
  });

  it('has panels that lie beside each other', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(dashboard.panels.length).toBeGreaterThan(8);
    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });
});

describe('the alert rules', () => {
  const rules = rulesText.split(/^ {6}- alert: /m).slice(1);

  it('are YAML, each with an expression, a severity and a summary', async () => {
    await expect(format('a: [', { parser: 'yaml' })).rejects.toThrow();
    expect(await check(rulesText, { parser: 'yaml', printWidth: 400, singleQuote: true })).toBe(true);
    expect(rules.length).toBeGreaterThan(7);
    for (const rule of rules) {
      expect(rule).toMatch(/^\w+\n {8}expr: \S/);
      expect(rule).toMatch(/^ {8}labels: \{ severity: (critical|warning|info) \}$/m);
      expect(rule).toMatch(/^ {10}summary: '.+'$/m);
    }
  });

  it('ask only for metrics that the package exports', () => {
    const expressions = rules.map((rule) => /expr:(.*?)\n {8}(?:for|labels):/s.exec(rule)![1]!);
    expect(expressions.filter((text) => !text.includes('redis_auth_'))).toEqual([]);
    expect(expressions.flatMap(unknownNames)).toEqual([]);
    expect(unknownNames(rulesText.replaceAll(/^.*(alert|summary|description): .*$/gm, ''))).toEqual([]);
  });
});

describe('the guide to observability', () => {
  it('lists every metric with its unit and its name in Prometheus', () => {
    for (const metric of Object.values(METRICS)) {
      const row = guide.split('\n').find((line) => line.startsWith(`| \`${metric.name}\``));
      expect(row, metric.name).toContain(` ${metric.unit} `);
      expect(row, metric.name).toContain(prometheusNames(metric)[0]!.replace('_bucket', ''));
    }
  });
});
