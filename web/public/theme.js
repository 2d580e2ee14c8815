// Runs before the first paint, so that no theme flashes: the chosen one, else the system's, which it
// goes on following.
(function () {
  var dark = window.matchMedia('(prefers-color-scheme: dark)');
  function apply() {
    var chosen = null;
    try {
      chosen = localStorage.getItem('winnow.theme');
    } catch (error) {
      // Storage may be forbidden; then the system's theme holds.
    }
    if (chosen !== 'light' && chosen !== 'dark') chosen = dark.matches ? 'dark' : 'light';
    if (document.documentElement.dataset.theme === chosen) return;
    document.documentElement.dataset.theme = chosen;
    window.dispatchEvent(new Event('winnow:theme'));
  }
  apply();
  dark.addEventListener('change', apply);
  window.addEventListener('winnow:theme-chosen', apply);
})();
