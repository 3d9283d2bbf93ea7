// Sends the answer on to the application; without this, the button does.
document.forms[0].submit();
