import type { Logger } from '../../src/store/index.ts';

/** A log that keeps what it is told. */
export class TestLog implements Logger {
  readonly lines: { level: 'debug' | 'info' | 'warn' | 'error'; fields: object; message: string }[] = [];

  debug(fields: object, message: string): void {
    this.lines.push({ level: 'debug', fields, message });
  }
  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }
}
