(() => {
  const cases = document.querySelector(".cases");
  if (!cases) return;
  const button = document.createElement("button");
  const root = document.documentElement;
  const tell = () => { button.textContent = root.classList.contains("paused") ? "Show moving" : "Show stills"; };
  button.type = "button";
  button.addEventListener("click", () => { root.classList.toggle("paused"); tell(); });
  tell();
  cases.before(button);
})();
