import { TestEnvironment } from 'jest-environment-node';
import { watchHandles } from './leak-check';
import type { LeakCheck } from './leak-check';

interface RunFinished {
  readonly name: string;
}
interface RunState {
  readonly unhandledErrors: unknown[];
}

/** Jest's Node environment that fails a test file which leaves a socket, server, process or timer open. */
export default class LeakCheckedEnvironment extends TestEnvironment {
  private check: LeakCheck | undefined;

  override async setup(): Promise<void> {
    await super.setup();
    this.check = watchHandles(this.global);
  }

  async handleTestEvent(event: RunFinished, state: RunState): Promise<void> {
    if (event.name !== 'run_finish') return;
    const leaks = (await this.check?.leaks()) ?? [];
    if (leaks.length === 0) return;
    this.check?.endProcesses();
    const list = leaks.map((leak) => `  - ${leak}`).join('\n');
    const error = new Error(`This file leaves open what it opened; close it in afterAll:\n${list}`);
    error.stack = error.message;
    state.unhandledErrors.push(error);
  }
}
