/* What this browser remembers; it may be forbidden to. */
export function read(name: string): string | null {
  try {
    return localStorage.getItem(`winnow.${name}`);
  } catch {
    return null;
  }
}
export function write(name: string, value: string): void {
  try {
    localStorage.setItem(`winnow.${name}`, value);
  } catch {
    /* Then it lasts as long as the page. */
  }
}
