import { write } from './local';

/* Chooses the other theme; from then on the system's wish no longer counts. public/theme.js applies it. */
export function toggleTheme(): void {
  write('theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  window.dispatchEvent(new Event('winnow:theme-chosen'));
}
