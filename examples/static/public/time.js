document.body.append(`Loaded at ${new Date().toLocaleTimeString()}`);
