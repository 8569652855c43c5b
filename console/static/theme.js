// Light or dark: as the system says, until the switch says otherwise. A cookie tells the server.

const YEAR = 31536000;

export function offerThemes(button) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  function name() {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${button.textContent.toLowerCase()} colours`);
  }

  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    document.cookie = `saga_theme=${root.dataset.theme}; path=/console; max-age=${YEAR}; samesite=strict`;
    name();
  });
  system.addEventListener("change", name);
  name();
  button.hidden = false;
}
