// A link that signs in has its code behind the `#`, which browsers do not send: it is sent from here, by a form.

export function useLink(form) {
  function send() {
    const code = new URLSearchParams(location.hash.slice(1)).get("code");
    if (code) {
      history.replaceState(null, "", location.pathname + location.search); // the code stays in no history
      form.elements.code.value = code;
      form.submit();
    }
  }

  addEventListener("hashchange", send); // the page was open already
  send();
}
