import { benchAudit } from './audit';
import { benchOnboarding } from './onboarding';
import { keepFigures, printFigure } from './results';
import type { Figure } from './results';
import { benchRevocation } from './revocation';
import { benchVerify } from './verify';

/** What can be measured; each prints its figures as they come and returns them. */
const benches: Readonly<Record<string, (tell: (figure: Figure) => void) => Promise<void>>> = {
  onboarding: benchOnboarding,
  audit: benchAudit,
  verify: benchVerify,
  revocation: benchRevocation,
};

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !Object.hasOwn(benches, name));
  if (unknown.length > 0) {
    console.error(
      `There is no bench ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.`,
    );
    process.exitCode = 2;
    return;
  }
  for (const [name, bench] of Object.entries(benches)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const figures: Figure[] = [];
    await bench((figure) => {
      figures.push(figure);
      printFigure(name, figure);
    });
    keepFigures(name, figures);
  }
}

main(process.argv.slice(2)).then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
